#!/bin/sh
# `npm test`: sets itself up on a clean clone, then runs tools/test.ts.
exec sh "$(dirname -- "$0")/with-node.sh" "$(dirname -- "$0")/test.ts" "$@"

#!/bin/sh
# Runs a program of this checkout with the right Node, all locked libraries and tools installed first:
#   sh tools/with-node.sh bench/main.ts ARGUMENTS
set -eu
root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
. "$root/tools/setup.sh"
ready all || prepare all
PATH=${node%/*}:$root/node_modules/.bin:$PATH exec "$node" --disable-warning=ExperimentalWarning "$@"

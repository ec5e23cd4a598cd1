#!/bin/sh
# What a newcomer does: clones into an empty folder, with the system's own Node and npm, an empty home and nothing
# installed, backs up and restores, then runs the tests. Takes minutes and downloads everything; not part of `npm test`.
#   sh tools/fresh-clone-check.sh [--no-tests] [FOLDER-FOR-PATH ...]
# Folders come first on PATH, for another npm or Node.
set -eu
root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
tests=yes
[ "${1:-}" != --no-tests ] || { tests=no; shift; }
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for folder; do path=$folder:$path; done

base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$base/home" "$base/data"
clone="$base/a fresh clone"
git clone -q "$root" "$clone"

# Nothing of this environment but the way to the network.
fresh() {
  env -i PATH="$path" HOME="$base/home" LANG=C.UTF-8 TERM=dumb HOLDFAST_PASSWORD='correct horse' \
    ${CI:+CI="$CI"} ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} \
    ${HTTPS_PROXY:+HTTPS_PROXY="$HTTPS_PROXY"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}
say() { printf '\n== %s\n' "$*"; }

say "system: node $(fresh node --version 2>/dev/null || echo none), npm $(fresh npm --version 2>/dev/null || echo none)"
echo 'some text' >"$base/data/file"
mkdir "$base/data/folder"
ln -s ../file "$base/data/folder/link"

cd "$clone"
say './holdfast backup DIR'
fresh ./holdfast backup "$base/data"
say './holdfast restore latest --target DIR'
fresh ./holdfast restore latest --target "$base/back"
diff -r --no-dereference "$base/data" "$base/back$base/data"
say 'nothing in the clone is new to git'
changes=$(git status --porcelain)
[ -z "$changes" ] || { echo "$changes"; exit 1; }

if [ "$tests" = yes ]; then
  say 'npm test'
  fresh npm test
fi
say 'a fresh clone works'

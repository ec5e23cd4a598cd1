# Sourced by ./holdfast and by the scripts in tools/. Given `root` (the checkout), `ready KIND || prepare KIND` leaves in
# `node` a Node that can run the sources, with the locked libraries beside them. KIND is `runtime` or `all` (with what the
# tests need). POSIX sh, with `-nt` and `-O`, which dash, bash and busybox have.
#
# node_modules/.holdfast records what was found, so that a start costs a few file tests and no process:
#   line 1: runtime | all       which libraries are installed
#   line 2: path of Node        below the checkout when it begins with tools/
# HOLDFAST_NODE names another Node to run with; it is taken as it is.

NODE_MAJOR_MIN=24
NPM_MAJOR_MIN=7       # older ones do not understand the lock file
LOCK_MINUTES_MAX=30   # a lock older than this is left over, whoever made it

# True when nothing has to be found or installed. Whatever may have changed since is newer than the record: the lock
# files after an update of the checkout, Node or the folder it is in after an update of the system.
ready() {
  record=$root/node_modules/.holdfast
  { IFS= read -r installed && IFS= read -r node; } 2>/dev/null <"$record" || return 1
  case $installed in "$1" | all) ;; *) return 1 ;; esac
  case $node in tools/*) node=$root/$node ;; esac
  [ -x "$node" ] || return 1
  for part in "$root/package-lock.json" "$root/tools/runtime/package-lock.json" "$node" "${node%/*}"; do
    [ "$part" -nt "$record" ] && return 1
  done
  node=${HOLDFAST_NODE:-$node}
}

# Finds or installs what is missing, one process at a time, and records it. Ends the process when it cannot.
prepare() {
  if ! find_node || ! libraries_fit "$1"; then
    if [ ! -w "$root" ] || { [ -e "$root/node_modules" ] && [ ! -w "$root/node_modules" ]; }; then
      give_up "$root is not set up yet, and this user cannot write there" 'run ./holdfast version there once as its owner'
    fi
    trap 'release; exit 130' INT
    trap 'release; exit 143' TERM HUP
    acquire
    find_node || install_node
    libraries_fit "$1" || install_libraries "$1"
    release
    trap - INT TERM HUP
  fi
  # An installation that other users share may be read-only: it works without the record, a little slower.
  if [ -w "$root/node_modules" ]; then
    { printf '%s\n%s\n' "$installed" "${node#"$root"/}" >"$record.$$" && mv -f "$record.$$" "$record"; } 2>/dev/null ||
      rm -f "$record.$$"
  fi
  node=${HOLDFAST_NODE:-$node}
}

# Sets `node` to the first that runs the sources: HOLDFAST_NODE, the system's, the one in tools/runtime.
find_node() {
  if [ -n "${HOLDFAST_NODE:-}" ]; then
    node=$HOLDFAST_NODE
    [ -x "$node" ] || give_up "HOLDFAST_NODE is not a program: $node" 'unset it, or name a Node 24 or newer'
    return 0
  fi
  own=$root/tools/runtime/node_modules/node-linux-$(cpu)/bin/node
  for candidate in node nodejs "$own"; do
    node=$(path_of_fitting "$candidate") && [ -n "$node" ] || continue
    # Our own one also has to be the locked version, so that an update of the checkout updates it.
    [ "$candidate" != "$own" ] || grep -qF "\"$("$own" -p process.versions.node)\"" "$root/tools/runtime/package-lock.json" || continue
    return 0
  done
  return 1
}

# Prints the real path of a Node that is new enough and can run TypeScript (distributions may build it without).
path_of_fitting() {
  command -v -- "$1" >/dev/null 2>&1 || return 1
  NODE_OPTIONS='' "$1" -e "
    const fits = Number(process.versions.node.split('.')[0]) >= $NODE_MAJOR_MIN && process.features.typescript
    if (fits) console.log(process.execPath)" 2>/dev/null
}

cpu() {
  case $(uname -m) in
    x86_64 | amd64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# Sets `installed` to the kind of libraries that node_modules holds; true when that is enough for KIND.
libraries_fit() {
  [ -d "$root/node_modules" ] || return 1
  installed=$("$node" "$root/tools/installed.ts" "$root" "$1" 2>/dev/null) || return 1
  case $installed in "$1" | all) ;; *) return 1 ;; esac
}

install_node() {
  have="its Node $(node --version 2>/dev/null || nodejs --version 2>/dev/null || echo 'is missing and')"
  case $(uname -s)-$(cpu) in
    Linux-x64 | Linux-arm64) ;;
    Darwin-*) give_up "Holdfast needs Node $NODE_MAJOR_MIN or newer" 'install it (brew install node, or nodejs.org) and run again' ;;
    *) give_up "Holdfast needs Node $NODE_MAJOR_MIN or newer" 'install it from nodejs.org or your system and run again' ;;
  esac
  say "installing Node $NODE_MAJOR_MIN into tools/runtime (once, about 50 MB): $have does not fit"
  install_locked node "$root/tools/runtime" --include=optional
  find_node || give_up "the Node in tools/runtime does not run here (a system without glibc?)" \
    "install Node $NODE_MAJOR_MIN or newer from your system (Alpine: apk add nodejs) and run again"
}

install_libraries() {
  # What a developer had installed stays installed after an update of the checkout.
  [ "${installed:-}" = stale-all ] && set -- all
  if [ "$1" = all ]; then
    say 'installing the locked libraries and tools (about 150 MB) ...'
    install_locked all "$root" --include=dev --include=optional
  else
    say 'installing the locked libraries (once, about 30 MB) ...'
    install_locked runtime "$root" --omit=dev --include=optional
  fi
  installed=$1
}

# Installs into a folder of its own and moves the result into place: an attempt that fails changes nothing.
install_locked() { # KIND FOLDER NPM-OPTIONS
  npm_checked
  what=$1
  where=$2
  shift 2
  rm -rf "$where"/.installing.* # of attempts that were killed
  stage=$where/.installing.$$
  for attempt in 1 2; do
    rm -rf "$stage"
    mkdir "$stage" && cp "$where/package.json" "$where/package-lock.json" "$stage/" ||
      give_up "cannot write to $where" 'make room or change its owner'
    # npm runs under the Node that will use the libraries: it leaves out platform packages that do not fit its own.
    # No script of a library is ever run. Few retries: without a network the answer should come soon.
    PATH="${node:+${node%/*}:}$PATH" npm ci --prefix "$stage" --ignore-scripts "$@" --no-audit --no-fund --no-update-notifier --no-progress \
      --loglevel=http --prefer-offline --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
      >"$stage/npm.log" 2>&1 </dev/null && is_complete "$what" && break
    [ "$attempt" = 1 ] && continue
    grep -v -e ' 200 ' -e 'complete log of this run' "$stage/npm.log" | tail -n 8 >&2
    give_up "npm could not install what ${where#"$root"/}/package-lock.json lists" \
      'check the network (or the registry: npm config get registry) and run again'
  done
  if [ -e "$where/node_modules" ]; then mv "$where/node_modules" "$stage/before"; fi
  mv "$stage/node_modules" "$where/node_modules"
  rm -rf "$stage"
}

# npm counts it as a success when a platform package could not be fetched.
is_complete() {
  case $1 in
    node) [ -e "$stage/node_modules/node-linux-$(cpu)/bin/node" ] ;;
    *) case $("$node" "$root/tools/installed.ts" "$root" "$1" "$stage" 2>>"$stage/npm.log") in "$1" | all) ;; *) false ;; esac ;;
  esac
}

npm_checked() {
  command -v npm >/dev/null 2>&1 ||
    give_up 'npm is needed once, to install the libraries' 'install it (Debian: apt install npm; macOS: brew install node) and run again'
  version=$(npm --version 2>/dev/null) || give_up 'npm does not run' 'try npm --version'
  [ "${version%%.*}" -ge "$NPM_MAJOR_MIN" ] 2>/dev/null ||
    give_up "npm $version is too old; $NPM_MAJOR_MIN or newer is needed" 'update it and run again'
}

# The lock is a symbolic link to `pid@host`: made in one step together with the name of its owner.
acquire() {
  lock=$root/.install.lock
  me=$$@$(uname -n)
  waited=
  until ln -s "$me" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" 2>/dev/null) || owner=
    if [ -z "$owner" ]; then
      [ -w "$root" ] || give_up "cannot write to $root" 'change its owner or run as another user'
      [ -n "$waited" ] && sleep 1 # gone again, or a file system without symbolic links
    elif left_over "$owner"; then
      # Two may see this at once: only who still finds the same owner in what was moved away was right.
      mv "$lock" "$lock.$$" 2>/dev/null || continue
      [ "$(readlink "$lock.$$")" = "$owner" ] || ln -s "$(readlink "$lock.$$")" "$lock" 2>/dev/null || true
      rm -f "$lock.$$"
      continue
    else
      [ -n "$waited" ] || say "waiting for another start (process ${owner%%@*}) to finish installing"
      sleep 1
    fi
    waited=$((${waited:-0} + 1))
    [ "$waited" -le $((LOCK_MINUTES_MAX * 60)) ] || give_up "$lock stays locked" 'remove it if nothing is installing'
  done
}

left_over() {
  [ -z "$(find "$lock" -mmin "+$LOCK_MINUTES_MAX" 2>/dev/null)" ] || return 0
  [ "${1#*@}" = "${me#*@}" ] || return 1
  [ ! -d "/proc/${1%%@*}" ] && ! kill -0 "${1%%@*}" 2>/dev/null && ! ps -p "${1%%@*}" >/dev/null 2>&1
}

release() {
  [ -z "${stage:-}" ] || rm -rf "$stage"
  [ -z "${lock:-}" ] || [ "$(readlink "$lock" 2>/dev/null)" != "$me" ] || rm -f "$lock"
}

say() {
  printf 'holdfast: %s\n' "$1" >&2
}

give_up() {
  printf 'holdfast: %s\n  try: %s\n' "$1" "$2" >&2
  release
  exit 69
}

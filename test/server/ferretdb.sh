#!/usr/bin/env bash
# A real server of MongoDB's wire protocol for the tests: FerretDB 2 on PostgreSQL with the DocumentDB
# extension. Independent of this repository's code, durable (fsync on), and crashed on demand.
#
#   ferretdb.sh install              build it into the cache folder, or find it there
#   ferretdb.sh start STATE_DIR      a new, empty server (installs first); the last line of stdout is
#                                    MONGODB_URI=mongodb://127.0.0.1:PORT/
#   ferretdb.sh kill9 STATE_DIR      kill -9 of FerretDB and of every PostgreSQL process, at one moment
#   ferretdb.sh stop STATE_DIR       clean stop; fine when it is stopped already; data and logs stay
#   ferretdb.sh restart STATE_DIR    start on the same data and port, after kill9 or stop (stops a running
#                                    one first); prints MONGODB_URI again
#
# The cache folder is $CHATSESSIONS_CACHE, by default ${XDG_CACHE_HOME:-~/.cache}/chatsessions/ferretdb.
# STATE_DIR is new, empty, or left by an earlier `start`, which the next `start` empties. It holds
#   port  postgres.pid  ferretdb.pid  postgres.log  ferretdb.log  pg/ (the data)
# Any number of servers run at once, each in its STATE_DIR.
#
# Exit status: 0 done; 75 this machine cannot have the server, with the line `skipped: REASON` on stdout;
# else an error. Progress goes to stderr.
#
# How: PostgreSQL and DocumentDB are packages of Debian sid, built for a newer libc than a stable Debian
# has. An apt with folders of its own downloads them from the mirror that this machine's apt uses; they
# are unpacked, not installed, and run by their own ld.so. That needs no root, chroot or mount, and nothing
# outside the two folders changes. PostgreSQL refuses to be root, so root runs it in a user namespace.
# FerretDB is built from source through the machine's own Go module proxy.
set -euo pipefail
umask 077
unset "${!PG@}" "${!FERRETDB_@}"

readonly FERRETDB=v2.7.0
readonly RECIPE=1 # raise it when what `install` builds changes
readonly FERRETDB_MODULE=github.com/FerretDB/FerretDB/v2
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

cache=$(realpath -m -- "${CHATSESSIONS_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/chatsessions/ferretdb}")
readonly cache
readonly server=$cache/$FERRETDB-$RECIPE
readonly log=$cache/install.log

say() { printf 'ferretdb: [%3ds] %s\n' "$SECONDS" "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

skip() {
  echo "skipped: $*"
  exit 75
}

# Why the last step failed, as install.log has it: apt's first error, or else the last line.
reason() { awk '/^E: / { line = $0; exit } NF { line = $0 } END { print line }' "$log"; }

# PostgreSQL refuses to run as root: there, a namespace in which the same user has another number.
as_server=()
((EUID != 0)) || as_server=(unshare --map-user=1000 --map-group=1000 --)
readonly as_server

# ---------------------------------------------------------------------------------------- install

# The Debian mirror of this machine's own apt configuration.
mirror() (
  ID=''
  VERSION_CODENAME=''
  # shellcheck source=/dev/null
  . /etc/os-release
  [[ $ID == debian ]] || return 0
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' "RELEASE: $VERSION_CODENAME" 'COMPONENT: main' 2>/dev/null | sed -n 1p
)

# apt-get or apt-cache with lists, archives and sources of its own in $2, where no package is installed.
own_apt() {
  local tool=$1 dir=$2
  shift 2
  timeout 900 "$tool" -q \
    -o Dir::State="$dir" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" \
    -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o APT::Sandbox::User= -o APT::Update::Error-Mode=any -o APT::Install-Recommends=0 \
    -o Acquire::Languages=none -o Acquire::Retries=2 \
    -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

# Unpacks PostgreSQL, DocumentDB and all they need into $1/root; $1/bin has their programs.
install_postgres() {
  local build=$1 apt=$1/apt root=$1/root uri options='targets=Packages' package deb
  uri=$(mirror)
  [[ -n $uri ]] || skip "apt on this machine names no Debian mirror"
  mkdir -p "$apt"/{lists,archives}/partial "$root"
  : >"$apt/status"
  [[ ! -e $KEYRING ]] || options+=" signed-by=$KEYRING"
  echo "deb [$options] $uri sid main" >"$apt/sources.list"

  say "reading sid's package list"
  own_apt apt-get "$apt" update >>"$log" 2>&1 || skip "Debian's mirror did not give sid's package list: $(reason)"
  package=$(own_apt apt-cache "$apt" pkgnames postgresql- | sed -n '/^postgresql-[0-9]*-documentdb$/p' | sort -V | tail -n 1)
  [[ -n $package ]] || skip "sid has no DocumentDB for this architecture"
  say "downloading $package and what it needs"
  own_apt apt-get "$apt" install -y --download-only "$package" >>"$log" 2>&1 || skip "download of $package failed: $(reason)"

  say "unpacking"
  for deb in "$apt"/archives/*.deb; do
    dpkg-deb -x "$deb" "$root" >>"$log" 2>&1
    dpkg-deb -f "$deb" Package Version | paste -s >>"$build/packages"
  done
  # Only the libraries and PostgreSQL's own files are used.
  find "$root" -mindepth 1 -maxdepth 1 ! -name usr -exec rm -rf {} +
  find "$root/usr" -mindepth 1 -maxdepth 1 ! -name lib ! -name share -exec rm -rf {} +
  find "$root/usr/share" -mindepth 1 -maxdepth 1 ! -name postgresql -exec rm -rf {} +
  rm -rf "$apt"

  # The one link of the packages' own install scripts that matters here; the other, to blas and lapack, is in
  # the library path below.
  ln -s postgis-3.control "$(echo "$root"/usr/share/postgresql/*/extension)/postgis.control"

  local bin libc program
  bin=$(echo "$root"/usr/lib/postgresql/*/bin)
  libc=$(echo "$root"/usr/lib/*/libc.so.6)
  for program in postgres initdb psql; do
    mv "$bin/$program" "$bin/$program.elf"
    cat >"$bin/$program" <<EOF
#!/bin/sh
program=\$(readlink -f "\$0")
bin=\${program%/*}
lib=\$(readlink -f "\$bin/../../..")/$(basename "${libc%/*}")
exec "\$lib"/ld-linux*.so.* --library-path "\$lib:\$lib/blas:\$lib/lapack:\${bin%/bin}/lib" --argv0 "\$program" "\$program.elf" "\$@"
EOF
    chmod +x "$bin/$program"
  done
  ln -s "${bin#"$build/"}" "$build/bin"
}

# Builds FerretDB as $1/ferretdb, from a go.mod of its own: `go install …@version` fails on a deprecation look-up.
install_ferretdb() {
  local build=$1 src=$1/src program=$FERRETDB_MODULE/cmd/ferretdb
  mkdir "$src"
  printf 'module chatsessions.test/server\n\ngo 1.24\n\nrequire %s %s\n\ntool %s\n' \
    "$FERRETDB_MODULE" "$FERRETDB" "$program" >"$src/go.mod"
  (
    cd "$src"
    export GOFLAGS='-mod=mod -modcacherw -buildvcs=false' GOWORK=off CGO_ENABLED=0
    export GOMODCACHE=$src/modules GOCACHE=$src/objects
    say "downloading the modules of FerretDB $FERRETDB"
    timeout 900 go list -deps "$program" >>"$log" 2>&1 || skip "Go's module proxy did not give FerretDB: $(reason)"
    say "compiling FerretDB"
    go build -trimpath -o "$build/ferretdb" "$program" >>"$log" 2>&1 || fail "FerretDB does not compile: $(reason)"
  )
  rm -rf "$src"
}

# Fills the cache folder. The finished folder appears by a rename, so a half-made one is never taken for it;
# the lock goes with the subshell, however that ends.
install() (
  [[ $(uname -s) == Linux ]] || skip "needs Linux"
  "${as_server[@]}" true 2>/dev/null || skip "PostgreSQL refuses root, and this root may not make a user namespace"
  if [[ -d $server ]]; then
    say "using $server"
    return
  fi
  for tool in apt-get dpkg-deb flock setsid go; do
    command -v "$tool" >/dev/null || skip "needs $tool"
  done
  if ! mkdir -p "$cache" 2>/dev/null || [[ ! -w $cache ]]; then skip "cannot write to $cache"; fi
  exec 9>"$cache/lock"
  if ! flock -n 9; then
    say "another run is installing: waiting for it"
    flock 9
    [[ ! -d $server ]] || return 0
  fi

  build=$server.partial
  [[ ! -d $build ]] || say "an earlier install did not finish: starting over"
  rm -rf "$build"
  mkdir "$build"
  : >"$log"
  say "installing into $server"
  install_postgres "$build"
  install_ferretdb "$build"
  "$build/bin/postgres" --version >>"$log" 2>&1 || fail "PostgreSQL does not run: $(reason)"
  "$build/ferretdb" --version >>"$log" 2>&1 || fail "FerretDB does not run: $(reason)"
  mv "$build" "$server"
  say "installed"
)

# ---------------------------------------------------------------------------------------- servers

# Waits at most $1 seconds until a command succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# Prints the id in $1.pid if it is that of a live process with the argument $2: ids are used again.
running() {
  local pid
  pid=$(cat "$state/$1.pid" 2>/dev/null) || return
  grep -qzxF -e "$2" "/proc/$pid/cmdline" 2>/dev/null || return
  echo "$pid"
}
postgres_pid() { running postgres "$state/pg"; }
ferretdb_pid() { running ferretdb "--state-dir=$state/ferretdb"; }

# No process of these ids is left; a zombie, whose parent has yet to look, is none.
gone() {
  local pid
  for pid; do
    ! grep -qz . "/proc/$pid/cmdline" 2>/dev/null || return 1
  done
}

# PostgreSQL $1 takes connections, or has ended.
postgres_settled() {
  local lines=()
  mapfile -t lines 2>/dev/null <"$state/pg/postmaster.pid" || true
  [[ ${lines[0]:-} == "$1" && ${lines[7]:-} == ready* ]] || ! kill -0 "$1" 2>/dev/null
}

start_postgres() {
  # After a crash PostgreSQL takes whatever has its old id for itself, still running: a zombie, which not every
  # init reaps, or a stranger.
  local old
  if old=$(cat "$state/postgres.pid" 2>/dev/null); then
    within 5 [ ! -e "/proc/$old" ] || rm -f "$state/pg/postmaster.pid" "$state"/.s.PGSQL.*.lock
  fi
  setsid "${as_server[@]}" "$server/bin/postgres" -D "$state/pg" >>"$state/postgres.log" 2>&1 </dev/null &
  echo $! >"$state/postgres.pid"
  within 300 postgres_settled $! || fail "PostgreSQL is not ready after 300 s: see $state/postgres.log"
  kill -0 $! 2>/dev/null || fail "PostgreSQL did not start: $(tail -n 1 "$state/postgres.log")"
}

# FerretDB $1 answers on port $2, or has ended.
ferretdb_settled() {
  "$server/ferretdb" ping --listen-addr="127.0.0.1:$2" --state-dir=- --log-level=ERROR >/dev/null 2>&1 || ! kill -0 "$1" 2>/dev/null
}

start_ferretdb() {
  local port=$1
  setsid "$server/ferretdb" --postgresql-url="postgres://postgres@/postgres?host=$state" \
    --listen-addr="127.0.0.1:$port" --state-dir="$state/ferretdb" --log-level=WARN \
    --no-auth --telemetry=disable --debug-addr=- >>"$state/ferretdb.log" 2>&1 </dev/null &
  echo $! >"$state/ferretdb.pid"
  sleep 0.2 # time to fail if the port was taken meanwhile: its holder would answer for us
  within 60 ferretdb_settled $! "$port" && kill -0 $! 2>/dev/null
}

# Not a port that the kernel gives to clients: one that tries again and again while the server is down could
# be given that very port, and hold it.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    if ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

start() {
  if postgres_pid || ferretdb_pid; then fail "a server is running in $state"; fi >/dev/null
  mkdir -p "$state"
  chmod 700 "$state"
  [[ -e $state/port || -z $(ls -A "$state") ]] || fail "$state is neither empty nor left by an earlier start"
  : >"$state/port"
  rm -rf "$state"/{pg,ferretdb,*.pid,*.log}
  mkdir "$state/ferretdb"

  # What starts here ends here unless all of it starts.
  trap 'kill9; exit 1' EXIT
  say "initdb in $state"
  "${as_server[@]}" "$server/bin/initdb" -D "$state/pg" -U postgres -A trust -E UTF8 --locale=C \
    >"$state/postgres.log" 2>&1 || fail "initdb: $(tail -n 1 "$state/postgres.log")"
  # Only a Unix socket in STATE_DIR, which is the owner's alone: so pg_cron's jobs, by which DocumentDB builds
  # indexes and expires documents, are told not to connect over TCP. Shared memory is in STATE_DIR too: a crash
  # would leave it in /dev/shm.
  cat >>"$state/pg/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$state'
max_connections = 150
dynamic_shared_memory_type = mmap
jit = off
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '$state'
cron.log_run = off
cron.log_statement = off
documentdb.localhost_connection_string = 'host=$state'
EOF
  say "starting PostgreSQL"
  start_postgres
  PGOPTIONS='-c client_min_messages=warning' "$server/bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$state" -U postgres \
    -c 'CREATE EXTENSION documentdb CASCADE' >>"$state/postgres.log" 2>&1 || fail "DocumentDB: $(tail -n 1 "$state/postgres.log")"
  say "starting FerretDB"
  local port tries=5
  until port=$(free_port) && start_ferretdb "$port"; do
    ((--tries)) || fail "FerretDB did not start: $(tail -n 1 "$state/ferretdb.log")"
  done
  echo "$port" >"$state/port"
  trap - EXIT
}

stop() {
  local pid
  if pid=$(ferretdb_pid); then
    kill -TERM "$pid" 2>/dev/null || true
    within 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  fi
  if pid=$(postgres_pid); then
    kill -INT "$pid" 2>/dev/null || true
    within 120 gone "$pid" || fail "PostgreSQL does not stop: see $state/postgres.log"
  fi
}

# PostgreSQL's children have sessions of their own; while their parent is stopped it makes no more of them.
# FerretDB goes first, or it would answer its callers that PostgreSQL went away.
kill9() {
  local pid children=() pids=()
  if pid=$(postgres_pid); then
    kill -STOP "$pid" 2>/dev/null || true
    read -ra children 2>/dev/null <"/proc/$pid/task/$pid/children" || true
    pids=("$pid" "${children[@]}")
  fi
  ! pid=$(ferretdb_pid) || pids=("$pid" "${pids[@]}")
  ((${#pids[@]})) || return 0
  kill -KILL "${pids[@]}" 2>/dev/null || true
  within 30 gone "${pids[@]}" || fail "processes outlive kill -9: ${pids[*]}"
}

restart() {
  local port
  port=$(cat "$state/port" 2>/dev/null) || fail "no server was started in $state"
  [[ -n $port ]] || fail "the start in $state did not finish"
  stop
  say "starting PostgreSQL"
  start_postgres
  say "starting FerretDB"
  start_ferretdb "$port" || fail "FerretDB did not start on port $port: $(tail -n 1 "$state/ferretdb.log")"
}

usage() {
  echo "usage: ferretdb.sh install | (start | kill9 | restart | stop) STATE_DIR" >&2
  exit 64
}

case ${1:-} in
  install) (($# == 1)) || usage ;;
  start | kill9 | restart | stop)
    [[ -n ${2:-} && $# == 2 ]] || usage
    state=$(realpath -m -- "$2")
    readonly state
    # PostgreSQL's settings and FerretDB's URL hold it as it is; a socket's path has at most 107 characters.
    [[ $state =~ ^[A-Za-z0-9/._-]{1,90}$ ]] || fail "STATE_DIR has at most 90 characters, of A-Z a-z 0-9 / . _ -: $state"
    ;;
  *) usage ;;
esac

case $1 in install | start | restart) install ;; esac
if [[ $1 != install ]]; then "$1"; fi
case $1 in start | restart) echo "MONGODB_URI=mongodb://127.0.0.1:$(cat "$state/port")/" ;; esac

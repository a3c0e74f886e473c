# step ID TEXT [VALUE ...] announces a step. It fails where a value is empty that the step needs and an earlier answer did not bring.
step() {
  local v
  printf '\n%5s  %s\n' "$1" "$2"
  shift 2
  for v in "$@"; do
    [ -n "$v" ] || { echo '       left out: what it needs did not come this time'; return 1; }
  done
}

# racer ID TEXT announces a step that goes off together with others.
racer() { printf '%5s  %s\n' "$1" "$2"; }

# send ID CALL METHOD URL [CURL ARGUMENT ...] makes a request, and keeps the answer in files.
send() {
  local id=$1 method=$3 url=$4 body=
  rm -f "$work/$id".*
  echo "$2" >"$work/$id.call"
  echo "$url" >"$work/$id.url"
  [ -z "${presented:-}" ] || echo "$presented" >"$work/$id.presented"
  shift 4
  case " $* " in *' --data-binary '*) body=yes ;; esac
  case $method$body in
    HEAD) set -- --head "$@" ;;
    HEADyes) set -- -X HEAD --max-time 2 "$@" ;;
    POST | PUT | PATCH) set -- -X "$method" -H 'Content-Type:' --data-binary '' "$@" ;;
    *) set -- -X "$method" "$@" ;;
  esac
  : >"$work/$id.head"
  : >"$work/$id.body"
  curl -s -g --path-as-is --max-time 20 -A "$agent" -H 'Accept:' -H 'Expect:' \
    -D "$work/$id.head" -o "$work/$id.body" -w '%{http_code}\n' "$@" "$url" >"$work/$id.status"
  date +%s >"$work/$id.at"
}

# raw ID CALL REQUEST sends bytes that curl would not: REQUEST is a format of printf.
raw() {
  local host=${base#http://}
  echo "$2" >"$work/$1.call"
  echo 000 >"$work/$1.status"
  : >"$work/$1.head"
  : >"$work/$1.body"
  case $base in
    https:*) cannot "step $1 sends bytes that curl refuses to send, and this script can do so over plain http only" ;;
  esac
  host=${host%%/*}
  case $host in *:*) ;; *) host=$host:80 ;; esac
  # shellcheck disable=SC2059 # it is a format
  (exec 3<>"/dev/tcp/${host%:*}/${host##*:}" && printf "$3" >&3 && cat <&3) >"$work/$1.head" 2>/dev/null
  sed -n '1s/^HTTP[^ ]* \([0-9][0-9][0-9]\).*/\1/p' "$work/$1.head" >"$work/$1.code"
  [ ! -s "$work/$1.code" ] || mv "$work/$1.code" "$work/$1.status"
}

# saw ID THEN [STEP] says what came, and what came when the suite played it.
saw() {
  local text
  text=$(status "$1")
  [ "$text" != 000 ] || text='no answer'
  [ -z "$(refresh "$1")" ] || text="$text, a refresh token"
  [ -z "$(access "$1")" ] || text="$text, an access token"
  printf '%5s  got %s; the suite got %s\n' "${3:-}" "$text" "$2"
}

# refresh and access print the tokens that an answer brought.
refresh() {
  [ -e "$work/$1.refresh" ] || refresh_in "$1" >"$work/$1.refresh"
  cat "$work/$1.refresh"
}

access() {
  [ -e "$work/$1.access" ] || access_in "$1" >"$work/$1.access"
  cat "$work/$1.access"
}

# want SLUG WANT IDS PREDICATE ... judges steps: the predicate says 0 as wanted, 1 not so, 2 cannot tell.
want() {
  local slug=$1 wanted=$2 id reached=
  for id in $3; do
    [ ! -e "$work/$id.status" ] || reached=yes
  done
  shift 3
  printf '       WANT %s: %s' "$slug" "$wanted"
  if [ -z "$reached" ]; then
    echo ' -> not reached'
    return
  fi
  "$@"
  case $? in
    0) fine="$fine $slug"; echo ' -> as wanted' ;;
    1) shown="$shown $slug"; echo ' -> NOT SO' ;;
    *)
      case " $unclear " in *" $slug "*) ;; *) unclear="$unclear $slug" ;; esac # once, however often it is tried
      echo ' -> cannot tell'
      ;;
  esac
}

# pass_over SLUG WHY: this cannot be judged alone.
pass_over() { printf '       not judged here: %s, since %s\n' "$1" "$2"; }

# eye is for what this script cannot judge.
eye() { return 2; }

# need ID VALUE ends the script where an answer did not bring what the rest is made of.
need() {
  [ -n "$2" ] || cannot "step $1 brought no token this time, so the story cannot be played on (status $(status "$1"))"
}

# ask VARIABLE WHAT takes a secret from the environment, or from whoever sits there.
ask() {
  local v
  eval "v=\${$1:-}"
  if [ -z "$v" ] && [ -t 0 ]; then
    printf '%s: ' "$2" >&2
    read -rs v
    echo >&2
  fi
  [ -n "$v" ] || cannot "\$$1 is not set: $2"
  eval "$1=\$v"
}

# cannot REASON ends the script without a verdict.
cannot() {
  printf '\ncannot tell: %s\n' "$1" >&2
  exit 2
}

# operator ID WHAT VARIABLE [NAME=VALUE ...] has the shell command in the variable do what no request does.
operator() {
  local id=$1 what=$2 variable=$3 command
  eval "command=\${$3:-}"
  printf '\n%5s  operator: %s\n' "$1" "$2"
  shift 3
  if [ -n "$command" ]; then
    env "$@" sh -c "$command" >/dev/null || cannot "the command in \$$variable failed: $what"
  elif [ -t 0 ]; then
    printf '       do that now, then press Enter '
    read -r _
  else
    cannot "step $id wants an operator: set $variable to a shell command"
  fi
}

# pause SECONDS [ID THEN] waits, or has $ADVANCE move the target's clock: so many seconds where the refresh token of ID lived for THEN.
pause() {
  local now
  if [ -n "${2:-}" ]; then
    now=$(life "$2")
    [ "$now" -le 0 ] || set -- "$((($1 * now + $3 - 1) / $3))"
  fi
  if [ -n "${ADVANCE:-}" ]; then
    printf '\n       (the clock of the target moves on by %s s)\n' "$1"
    SECONDS_TO_ADVANCE=$1 sh -c "$ADVANCE" >/dev/null || cannot 'the command in $ADVANCE failed'
  elif [ "$1" -gt 3600 ]; then
    cannot "here the story waits $1 s: set ADVANCE to a shell command that moves the target's clock by \$SECONDS_TO_ADVANCE"
  else
    printf '\n       (waiting %s s)\n' "$1"
    sleep "$1"
  fi
}

# verdict says what came of it.
verdict() {
  echo
  if [ -n "$shown" ]; then
    echo "the bug shows:$shown"
    exit 1
  fi
  if [ -n "$unclear" ]; then
    keep=yes
    cannot "judge for yourself:$unclear (the answers are in $work)"
  fi
  [ -n "$fine" ] || cannot 'the story did not get as far as what it judges'
  control
  echo "the bug does not show; as wanted:$fine"
}

# age ID N refreshes the session that a login began, as often as the one had been whose place it takes.
age() {
  local i file last=$1-0
  for file in "$work/$1".*; do cp "$file" "$work/$last.${file##*.}"; done
  for ((i = 1; i <= $2; i++)); do
    need "$1" "$(refresh "$last")"
    turn "$1-$i" "$(refresh "$last")" "$(access "$last")"
    last=$1-$i
  done
  for file in "$work/$last".*; do cp "$file" "$work/$1.${file##*.}"; done
  echo "       and $2 refreshes, as that session had had"
}

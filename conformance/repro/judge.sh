status() { cat "$work/$1.status" 2>/dev/null || echo 000; }

# header ID NAME prints the values of an answer's header, one a line.
header() {
  tr -d '\r' <"$work/$1.head" | awk -v name="$2" 'tolower(substr($0, 1, length(name) + 1)) == tolower(name ":") { sub(/^[^:]*:[ \t]*/, ""); print }'
}

# has ID NAME TEXT: a header holds the text, in any case of letters; an empty text: the header is there.
has() {
  answered "$1" || return 2
  header "$1" "$2" | grep -qiF -- "$3"
}

# json ID POINTER [string] prints what stands at the pointer (RFC 6901) of an answer: a string as it is, and unless strings are asked for, anything
# else as JSON.
json() {
  python3 -SE - "$work/$1.body" "$2" "${3:-}" <<'PYTHON'
import json, sys
try:
    with open(sys.argv[1], encoding="utf-8") as f:
        v = json.load(f)
    for key in sys.argv[2].split("/")[1:]:
        v = v[key.replace("~1", "/").replace("~0", "~")]
    if isinstance(v, str):
        print(v)
    elif not sys.argv[3]:
        print(json.dumps(v))
except (ValueError, KeyError, TypeError, IndexError):
    pass
PYTHON
}

answered() { [ "$(status "$1")" != 000 ]; }

# undecided: neither a yes nor a no.
undecided() {
  case $(status "$1") in
    501) return 1 ;;
    000 | 408 | 429 | 5??) return 0 ;;
  esac
  return 1
}

# wants_token: the call is one that brings an access token when it succeeds.
wants_token() { grep -qxE 'login|refresh' "$work/$1.call"; }

accepted() {
  undecided "$1" && return 2
  success "$1" && { ! wants_token "$1" || [ -n "$(access "$1")" ]; }
}

# plain_yes: accepted, and being throttled is a no.
plain_yes() {
  answered "$1" || return 2
  success "$1" && [ -n "$(access "$1")" ]
}

rotated() { accepted "$1" && new_refresh "$1"; }

no_tokens() { [ -z "$(refresh "$1")$(access "$1")" ]; }

refused() {
  undecided "$1" && return 2
  no_tokens "$1" || return 1
  wants_token "$1" || ! success "$1"
}

# as_named ID [STATUS ...]: refused as the profile names it, or with one of these statuses.
as_named() {
  answered "$1" || return 2
  refusal "$1" || status_in "$@"
}

client_error() {
  refusal "$1" && return
  case $(status "$1") in
    000) return 2 ;;
    429) return 1 ;;
    4??) return 0 ;;
    2??) ! success "$1" ;;
    *) return 1 ;;
  esac
}

# refused_after ID LOGOUT: refused, if the logout said yes.
refused_after() {
  accepted "$2" || return 0
  refused "$1"
}

client_refusal() {
  client_error "$1" || return
  no_tokens "$1"
}

# or_closed ID PREDICATE: a closed connection will do as well.
or_closed() {
  answered "$1" || return 0
  "$2" "$1"
}

# status_in ID STATUS ...: the status is one of these.
status_in() {
  local id=$1 s
  shift
  answered "$id" || return 2
  for s in "$@"; do
    [ "$(status "$id")" != "$s" ] || return 0
  done
  return 1
}

# each ID ... -- PREDICATE [ARGUMENT ...]: it holds for each.
each() {
  local ids= id
  while [ "$1" != -- ]; do ids="$ids $1"; shift; done
  shift
  for id in $ids; do
    [ -e "$work/$id.status" ] || continue
    first "$id" "$@" || return
  done
}

# first ID PREDICATE [ARGUMENT ...] puts the ID where predicates have it.
first() {
  local id=$1 predicate=$2
  shift 2
  "$predicate" "$id" "$@"
}

# below_500 ID [STATUS]: no error of the server, but that one.
below_500() {
  case $(status "$1") in
    000) return 2 ;;
    "${2:-}") return 0 ;;
    5??) return 1 ;;
  esac
}

# unavailable: no answer, or an error of the server.
unavailable() { case $(status "$1") in 000 | 5??) ;; *) return 1 ;; esac; }

# is_503: an error that says so, and when to come again.
is_503() {
  answered "$1" || return 2
  [ "$(status "$1")" = 503 ] && has "$1" Retry-After ''
}

no_redirect() {
  case $(status "$1") in
    000) return 2 ;;
    3??) return 1 ;;
  esac
}

no_access() { [ -z "$(access "$1")" ]; }

# brings: a refresh token came.
brings() {
  answered "$1" || return 2
  [ -n "$(refresh "$1")" ]
}

brings_none() {
  answered "$1" || return 2
  [ -z "$(refresh "$1")" ]
}

brings_one() { brings "$1" && one_cookie "$1"; }

# all_new FUNCTION ID: what it prints of the answer was in no other answer.
all_new() {
  local value other
  answered "$2" || return 2
  value=$("$1" "$2")
  [ -n "$value" ] || return 1
  for other in "$work"/*.status; do
    other=$(basename "$other" .status)
    [ "$other" = "$2" ] || [ "$("$1" "$other")" != "$value" ] || return 1
  done
}

new_refresh() { all_new refresh "$1"; }

new_access() { all_new access "$1"; }

# brought ID ... prints the different refresh tokens of several answers.
brought() {
  local id
  for id in "$@"; do refresh "$id"; done | awk 'NF && !seen[$0]++'
}

accessed() {
  local id
  for id in "$@"; do access "$id"; done | awk 'NF && !seen[$0]++'
}

# at_most_one ID ...: the answers brought no two different refresh tokens.
at_most_one() { [ "$(brought "$@" | wc -l)" -le 1 ]; }

at_least_one() { [ "$(brought "$@" | wc -l)" -ge 1 ]; }

# own_answers WRONG RIGHT ...: a wrong password and right ones are each answered as if they came alone.
own_answers() {
  local id
  refused "$1" || return
  shift
  for id; do accepted "$id" || return; done
}

# one_each FUNCTION ID ...: as many different tokens as answers.
one_each() {
  local f=$1
  shift
  [ "$("$f" "$@" | wc -l)" -eq $# ]
}

# one_works ID ...: at most one of the answers is a yes.
one_works() {
  local id n=0
  for id in "$@"; do
    if [ -e "$work/$id.status" ] && rotated "$id"; then n=$((n + 1)); fi
  done
  [ $n -le 1 ]
}

# pairs_refused ID ID ...: of each pair one is refused.
pairs_refused() {
  while [ $# -gt 1 ]; do
    if [ -e "$work/$2.status" ] && rotated "$1" && rotated "$2"; then return 1; fi
    shift 2
  done
}

# collides ID ID ...: of one pair one is refused.
collides() {
  while [ $# -gt 1 ]; do
    if [ ! -e "$work/$2.status" ] || ! rotated "$1" || ! rotated "$2"; then return 0; fi
    shift 2
  done
  return 1
}

# member ID POINTER VALUE: the member has that value, in any case of letters.
member() {
  answered "$1" || return 2
  place "$1" "$2" | grep -qixF -- "$3"
}

# number ID POINTER: the member is a positive whole number.
number() {
  answered "$1" || return 2
  [ -z "$(json "$1" "$2" string)" ] && place "$1" "$2" | grep -qxE '[1-9][0-9]*'
}

same_member() {
  [ "$(place "$1" "$3")" = "$(place "$2" "$3")" ]
}

# members ID prints the names of an answer's members.
members() {
  python3 -SE -c 'import json, sys
try: print(*sorted(json.load(open(sys.argv[1], encoding="utf-8"))))
except (ValueError, TypeError): pass' "$work/$1.body"
}

same_members() { [ "$(members "$1")" = "$(members "$2")" ]; }

same_status() {
  answered "$1" && answered "$2" || return 2
  [ "$(status "$1")" = "$(status "$2")" ]
}

# same_answer ID OTHER: status and body are the same, aside from what differs between any two answers.
same_answer() {
  same_status "$1" "$2" || return
  python3 -SE - "$work/$1.body" "$work/$2.body" <<'PYTHON'
import json, sys
volatile = {"date", "request_id", "requestid", "request-id", "x-request-id", "trace_id", "traceid", "traceparent", "timestamp", "instance"}
def read(name):
    with open(name, "rb") as f:
        raw = f.read()
    try:
        v = json.loads(raw)
        return {k: v[k] for k in v if k.lower() not in volatile}
    except (ValueError, TypeError, AttributeError):
        return raw
sys.exit(read(sys.argv[1]) != read(sys.argv[2]))
PYTHON
}

different_body() {
  accepted "$1" || return
  ! cmp -s "$work/$1.body" "$work/$2.body"
}

# header_names ID prints the names of an answer's headers that do not differ between any two answers.
header_names() {
  tr -d '\r' <"$work/$1.head" | sed -n 's/^\([^: ]*\):.*/\1/p' | tr '[:upper:]' '[:lower:]' |
    grep -vxE 'date|x-request-id|traceparent|age|etag|content-length|connection|keep-alive|server-timing|x-runtime|x-response-time|cf-ray|.*ratelimit.*' | sort -u | tr '\n' ' '
}

same_headers() { [ "$(header_names "$1")" = "$(header_names "$2")" ]; }

# body_lacks ID PATTERN ...: none of the patterns (grep -E) is in the body.
body_lacks() {
  local id=$1 pattern
  shift
  answered "$id" || return 2
  for pattern in "$@"; do
    ! grep -qE -- "$pattern" "$work/$id.body" || return 1
  done
}

# keeps_secret ID FILE VALUE ...: none of the values stands in the answer's head or body.
keeps_secret() {
  local id=$1 file=$2 value
  shift 2
  answered "$id" || return 2
  for value in "$@"; do
    [ -z "$value" ] || ! grep -vi '^set-cookie:' "$work/$id.$file" | grep -qF -- "$value" || return 1
  done
}

# foreign_origin ID ORIGIN: the answer lets no page of that origin read it.
foreign_origin() {
  local open
  answered "$1" || return 0
  open=$(header "$1" Access-Control-Allow-Origin)
  [ "$open" != "$2" ] && { [ "$open" != '*' ] || [ "$(header "$1" Access-Control-Allow-Credentials)" != true ]; }
}

# when ID STATUS PREDICATE [ARGUMENT ...]: if the status matches (grep -E), the predicate holds.
when() {
  local id=$1 status=$2
  shift 2
  answered "$id" || return 2
  ! status "$id" | grep -qxE "$status" || first "$id" "$@"
}

# accepted_or ID PREDICATE [ARGUMENT ...]: it is a yes, or the predicate holds.
accepted_or() {
  accepted "$1" || first "$@"
}

# open_says_vary: an answer that names an origin says Vary: Origin.
open_says_vary() {
  case $(header "$1" Access-Control-Allow-Origin) in '' | '*') ;; *) has "$1" Vary Origin ;; esac
}

# clean_loser: it is a yes, or the client's error.
clean_loser() { accepted "$1" || client_error "$1"; }

# place ID PLACE [string] prints what stands at a place of an answer: a JSON pointer, header:NAME, cookie:NAME, location:PARAMETER or body.
place() {
  case $2 in
    /*) json "$@" ;;
    header:[Aa]uthorization) header "$1" Authorization | sed 's/^[Bb]earer //' | head -n 1 ;;
    header:*) header "$1" "${2#header:}" | head -n 1 ;;
    cookie:*) cookie_value "$1" "${2#cookie:}" ;;
    location:*) header "$1" Location | sed -n "s/.*[?&]${2#location:}=\([^&#]*\).*/\1/p" ;;
    body) cat "$work/$1.body" ;;
  esac
}

# luggage TOKEN PLACE MATCH prints what came along with a token, or with the one before it, where the answer that brought it has nothing there.
luggage() {
  local file id value
  for file in "$work"/*.status; do
    id=$(basename "$file" .status)
    [ "$(refresh "$id")" = "$1" ] || continue
    value=$(place "$id" "$2")
    [ -z "$3" ] || value=$(printf %s "$value" | python3 -SE -c 'import re, sys
m = re.search(sys.argv[1], sys.stdin.read())
print(m.group(1) if m else "")' "$3")
    if [ -n "$value" ]; then
      printf '%s\n' "$value"
      return
    fi
    [ -s "$work/$id.presented" ] || continue
    luggage "$(cat "$work/$id.presented")" "$2" "$3"
    return
  done
}

# claim TOKEN PART NAME prints a member of the first (header) or second (claims) part of a JWT as JSON.
claim() {
  python3 -SE - "$1" "$2" "$3" <<'PYTHON'
import base64, json, sys
try:
    part = sys.argv[1].split(".")[int(sys.argv[2]) - 1]
    print(json.dumps(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[sys.argv[3]]))
except (ValueError, KeyError, TypeError, IndexError):
    pass
PYTHON
}

# claim_names TOKEN prints the names of a JWT's claims.
claim_names() {
  python3 -SE - "$1" <<'PYTHON'
import base64, json, sys
try:
    part = sys.argv[1].split(".")[1]
    print(*sorted(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))))
except (ValueError, TypeError, IndexError):
    pass
PYTHON
}

# claim_is ID PART NAME PATTERN: the access token's claim matches (grep -E), as JSON.
claim_is() {
  [ -n "$(access "$1")" ] || return 2
  claim "$(access "$1")" "$2" "$3" | grep -qE -- "$4"
}

# same_claims ID OTHER NAME ...: both access tokens say the same.
same_claims() {
  local a b name
  a=$(access "$1") b=$(access "$2")
  shift 2
  [ -n "$a" ] && [ -n "$b" ] || return 2
  for name in "$@"; do
    [ "$(claim "$a" 2 "$name")" = "$(claim "$b" 2 "$name")" ] || return 1
  done
}

other_claim() {
  local v
  [ -n "$(access "$1")" ] && [ -n "$(access "$2")" ] || return 2
  v=$(claim "$(access "$1")" 2 "$3")
  [ -z "$v" ] || [ "$v" != "$(claim "$(access "$2")" 2 "$3")" ]
}

same_refresh_claim() {
  [ -n "$(refresh "$1")" ] && [ -n "$(refresh "$2")" ] || return 2
  [ "$(claim "$(refresh "$1")" 2 "$3")" = "$(claim "$(refresh "$2")" 2 "$3")" ]
}

same_shape() {
  [ -n "$(access "$1")" ] && [ -n "$(access "$2")" ] || return 2
  [ "$(claim_names "$(access "$1")")" = "$(claim_names "$(access "$2")")" ]
}

# token_life ID prints exp minus iat of the access token.
token_life() {
  local exp iat
  exp=$(claim "$(access "$1")" 2 exp)
  iat=$(claim "$(access "$1")" 2 iat)
  case $exp$iat in '' | *[!0-9]*) echo 0 ;; *) echo $((exp - iat)) ;; esac
}

# token_lives ID LEAST MOST
token_lives() {
  local n
  [ -n "$(access "$1")" ] || return 2
  n=$(token_life "$1")
  [ "$n" -ge "$2" ] && [ "$n" -le "$3" ]
}

# issued_now ID: the access token's iat is the time at which it came.
issued_now() {
  [ -n "$(access "$1")" ] || return 2
  near "$(claim "$(access "$1")" 2 iat)" "$(cat "$work/$1.at")" 60
}

# own_end_agrees ID: a refresh token that is a JWT ends when its cookie does.
own_end_agrees() {
  local exp
  exp=$(claim "$(refresh "$1")" 2 exp)
  [ -z "$exp" ] || near "$exp" "$(($(date +%s) + $(life "$1")))" 20
}

# near A B D: two numbers differ by at most D.
near() {
  case $1$2 in '' | *[!0-9-]*) return 1 ;; esac
  [ "$(($1 - $2))" -le "$3" ] && [ "$(($2 - $1))" -le "$3" ]
}

# life_agrees ID POINTER UNITS: expires_in is exp minus iat.
life_agrees() {
  local stated
  stated=$(place "$1" "$2")
  case $stated in '' | *[!0-9]*) return 1 ;; esac
  near "$(token_life "$1")" "$((stated / $3))" 1
}

same_life() { near "$(token_life "$1")" "$(token_life "$2")" 1; }

# claim_not_after ID NAME ...: these claims lie not in the future.
claim_not_after() {
  local id=$1 name v
  shift
  for name in "$@"; do
    v=$(claim "$(access "$id")" 2 "$name")
    case $v in '' | *[!0-9]*) ;; *) [ "$v" -le "$(($(cat "$work/$id.at") + 2))" ] || return 1 ;; esac
  done
}

# tells_nothing ID PATTERN ...: the access token's claims hold none of these words.
tells_nothing() {
  local id=$1 claims word
  shift
  claims=$(segment 2 "$(access "$id")" | tr '_-' '/+')
  claims=$(printf '%s==\n' "$claims" | python3 -SE -c 'import base64, sys; sys.stdout.buffer.write(base64.b64decode(sys.stdin.read().strip() + "=="))')
  for word in "$@"; do
    [ -z "$word" ] || ! printf %s "$claims" | grep -qiE -- "$word" || return 1
  done
}

# not_signed_with ID KEY: the access token is not signed with that key.
not_signed_with() {
  local t
  t=$(access "$1")
  [ "$(forge "$t" '' '' "$(claim "$t" 1 alg | tr -d '"')" "$2")" != "$t" ]
}

# part_to_guess ID prints of a JWT the signature, of anything else all of it.
part_to_guess() {
  local t=
  t=$(refresh "$1")
  case $t in *.*.*) [ ${#t} -lt 60 ] || t=${t##*.} ;; esac
  printf '%s\n' "$t"
}

# long_enough ID ...: each token has room for 128 random bits.
long_enough() {
  local id t
  for id in "$@"; do
    t=$(part_to_guess "$id")
    [ ${#t} -ge 22 ] || return 1
  done
}

# varied ID ...: two tokens in a row differ in at least 16 characters.
varied() {
  local id t i n last=
  for id in "$@"; do
    t=$(part_to_guess "$id")
    if [ -n "$last" ]; then
      n=0
      for ((i = 0; i < ${#t} || i < ${#last}; i++)); do [ "${t:i:1}" = "${last:i:1}" ] || n=$((n + 1)); done
      [ $n -ge 16 ] || return 1
    fi
    last=$t
  done
}

# json_text VALUE spells a value for a JSON string; form_text, for a form or a query.
json_text() { printf %s "$1" | python3 -SE -c 'import json, sys; sys.stdout.write(json.dumps(sys.stdin.read(), ensure_ascii=False)[1:-1])'; }

form_text() {
  local LC_ALL=C i c
  for ((i = 0; i < ${#1}; i++)); do
    c=${1:i:1}
    case $c in
      [A-Za-z0-9._~-]) printf %s "$c" ;;
      *) printf '%%%02X' "$(($(printf %d "'$c") & 255))" ;;
    esac
  done
}

# repeat N CHARACTERS
repeat() {
  awk -v n="$1" -v s="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", s }'
}

# segment N TOKEN: a part of a JWT.
segment() { printf %s "$2" | cut -d. -f"$1"; }

flip_case() { printf %s "$1" | tr 'A-Za-z' 'a-zA-Z'; }

# flip_first puts another first character, flip_last another one near the end.
flip_first() { case $1 in 0*) printf %s "1${1#?}" ;; *) printf %s "0${1#?}" ;; esac; }

flip_last() {
  local n=$((${#1} - 3))
  case ${1:n:1} in 0) printf %s "${1:0:n}1${1:n+1}" ;; *) printf %s "${1:0:n}0${1:n+1}" ;; esac
}

# same_bytes changes the last character so that base64url decodes to the same bytes.
same_bytes() {
  local abc=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ last i
  last=${1:${#1}-1}
  i=${abc%%"$last"*}
  if [ "$i" = "$abc" ]; then printf %s "${1}A"; else printf %s "${1%?}${abc:${#i}^1:1}"; fi
}

# forge TOKEN HEADER CLAIMS SIGNATURE [KEY] makes a JWT out of a genuine one. HEADER and CLAIMS are JSON objects of what is replaced (null: taken
# out; "@-60": a minute ago). SIGNATURE: none, empty, keep, flip, half, same-bytes, is KEY, or an algorithm that signs anew with KEY.
forge() {
  python3 -SE - "$@" <<'PYTHON'
import base64, hashlib, hmac, json, sys, time
token, header, claims, how = sys.argv[1:5]
head, body, signature = (token.split(".") + ["", ""])[:3]
def edit(part, changes):
    if not changes:
        return part
    v = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    for name, value in json.loads(changes).items():
        if isinstance(value, str) and value[:2] in ("@+", "@-"):
            value = int(time.time()) + int(value[1:])
        v[name] = value
        if value is None:
            del v[name]
    raw = json.dumps(v, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
signed = edit(head, header) + "." + edit(body, claims)
abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
if how == "none":
    print(signed)
elif how == "empty":
    print(signed + ".")
elif how == "is":
    print(signed + "." + sys.argv[5])
elif how == "keep":
    print(signed + "." + signature)
elif how == "flip":
    print(signed + "." + ("1" if signature[:1] == "0" else "0") + signature[1:])
elif how == "half":
    print(signed + "." + signature[:len(signature) // 8 * 4])
elif how == "same-bytes":
    print(signed + "." + signature[:-1] + abc[abc.index(signature[-1]) ^ 1])
else:
    h = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[how]
    mac = hmac.new(sys.argv[5].encode(), signed.encode(), h).digest()
    print(signed + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode())
PYTHON
}

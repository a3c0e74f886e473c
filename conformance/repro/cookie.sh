# set_cookies ID [NAME] prints the Set-Cookie lines of that name.
set_cookies() {
  header "$1" Set-Cookie | awk -v start="${2:-$cookie}=" 'substr($0, 1, length(start)) == start'
}

# deletes reads a Set-Cookie line: a browser would drop the cookie at once. Of an Expires only the year is looked at.
deletes() {
  local line year
  line=$(cat)
  [ -n "$line" ] || return 1
  if printf %s "$line" | grep -qi '; *max-age='; then
    printf %s "$line" | grep -qiE '; *max-age=(0|-)'
    return
  fi
  year=$(printf %s "$line" | sed -n 's/.*[Ee]xpires=[^;]*[ -]\([12][0-9][0-9][0-9]\) .*/\1/p')
  [ -n "$year" ] && [ "$year" -lt "$(date +%Y)" ]
}

# cookie_value ID [NAME] prints the refresh cookie, or another one, that the answer brings: neither empty nor deleted.
cookie_value() {
  set_cookies "$@" | while IFS= read -r line; do
    value=${line%%;*}
    value=${value#*=}
    if [ -n "$value" ] && ! printf %s "$line" | deletes; then printf '%s\n' "$value"; fi
  done | tail -n 1
}

# one_cookie: the refresh cookie is set once.
one_cookie() {
  answered "$1" || return 2
  [ "$(set_cookies "$1" | wc -l)" -eq 1 ]
}

no_cookie() {
  answered "$1" || return 2
  [ -z "$(set_cookies "$1")" ]
}

deletes_cookie() {
  answered "$1" || return 2
  set_cookies "$1" | tail -n 1 | deletes
}

keeps_cookie() { ! deletes_cookie "$1"; }

# loser_keeps_cookie: an answer that is no yes leaves the cookie alone.
loser_keeps_cookie() { accepted "$1" || no_cookie "$1"; }

# attribute ID PATTERN: each refresh cookie of the answer has a matching attribute.
attribute() {
  local lines
  answered "$1" || return 2
  lines=$(set_cookies "$1")
  [ -n "$lines" ] && ! printf '%s\n' "$lines" | grep -qivE "; *($2) *(;|\$)"
}

no_attribute() {
  answered "$1" || return 2
  ! set_cookies "$1" | grep -qiE "; *($2) *(;|\$)"
}

# same_attributes ID OTHER NAME ...: the refresh cookie is set with the same attributes as in the other answer.
same_attributes() {
  local id=$1 other=$2 name
  shift 2
  [ -n "$(set_cookies "$id")" ] || return 1
  for name in "$@"; do
    [ "$(attribute_of "$id" "$name")" = "$(attribute_of "$other" "$name")" ] || return 1
  done
}

attribute_of() { set_cookies "$1" | head -n 1 | tr ';' '\n' | sed 's/^ *//' | grep -iE "^$2(=|\$)" | tr '[:upper:]' '[:lower:]'; }

# same_lifetime ID OTHER: both cookies have a lifetime, or neither.
same_lifetime() {
  local a=no b=no
  attribute "$1" 'max-age=.*|expires=.*' && a=yes
  attribute "$2" 'max-age=.*|expires=.*' && b=yes
  [ $a = $b ]
}

# path_covers ID PATH: a browser would send the refresh cookie of the answer to the path.
path_covers() {
  local p
  [ -n "$(refresh "$1")" ] || return 1
  p=$(attribute_of "$1" path)
  p=${p#*=}
  case $2/ in "${p%/}"/*) return 0 ;; esac
  return 1
}

# drops ID OTHER: the answer deletes the cookie that the other one set.
drops() { deletes_cookie "$1" && same_attributes "$1" "$2" path domain; }

# life ID prints for how many seconds the refresh token lives, by its cookie or by the pointer of the profile.
life() {
  local line
  line=$(set_cookies "$1" | head -n 1)
  case $line in
    *[Mm]ax-[Aa]ge=*) printf '%s\n' "$line" | sed 's/.*[Mm]ax-[Aa]ge=\(-*[0-9]*\).*/\1/' ;;
    *[Ee]xpires=*) python3 -SE -c 'import sys, time, email.utils as m; print(int(m.mktime_tz(m.parsedate_tz(sys.argv[1])) - time.time()))' "$(printf '%s\n' "$line" | sed 's/.*[Ee]xpires=\([^;]*\).*/\1/')" ;;
    *) echo 0 ;;
  esac
}

# lives ID OPERATOR SECONDS compares the life, as test does.
lives() {
  answered "$1" || return 2
  [ "$(life "$1")" "$2" "$3" ]
}

# same_cookie_life ID OTHER: the second lifetime is the first, or less where an absolute end is near.
same_cookie_life() {
  local a b
  a=$(life "$1") b=$(life "$2")
  [ "$(set_cookies "$1" | wc -l)" -gt 0 ] && [ "$a" -gt 0 ] && [ "$a" -le $((b + 2)) ] && { [ "$a" -ge $((b - 5)) ] || [ "$a" -gt $((b / 2)) ]; }
}

# one_place ID VALUE ...: none of the values stands in another cookie than the refresh cookie.
one_place() {
  local id=$1 value
  shift
  answered "$id" || return 2
  for value in "$@"; do
    [ -z "$value" ] || ! header "$id" Set-Cookie | grep -v "^$cookie=" | grep -qF -- "$value" || return 1
  done
}

# jar PATH ID ... prints the cookies that a browser would send to the path after these answers, longest path first.
jar() {
  local path=$1 id line name of
  shift
  : >"$work/jar"
  for id in "$@"; do
    [ -e "$work/$id.head" ] || continue
    header "$id" Set-Cookie >"$work/jar.set"
    while IFS= read -r line; do
      name=${line%%=*}
      of=$(printf '%s\n' "$line" | tr ';' '\n' | sed -n 's/^ *[Pp]ath=\(\/[^ ]*\).*/\1/p' | tail -n 1)
      of=${of:-$(sed 's,^[a-z]*://[^/]*,,; s,/[^/]*$,,; s,^$,/,' "$work/$id.url")}
      awk -v name="$name" -v path="$of" '$1 != name || $2 != path' "$work/jar" >"$work/jar.new"
      printf %s "$line" | deletes || printf '%s %s %s\n' "$name" "$of" "${line%%;*}" >>"$work/jar.new"
      mv "$work/jar.new" "$work/jar"
    done <"$work/jar.set"
  done
  awk -v path="$path" '{ p = $2; sub(/\/$/, "", p); if (path == p || index(path, p "/") == 1) printf "%d %s\n", length($2), $3 }' "$work/jar" |
    sort -rn | sed 's/^[0-9]* //' | paste -sd ';' - | sed 's/;/; /g'
}

# cookie_octets ID: RFC 6265 section 4.1.1.
cookie_octets() {
  brings "$1" || return
  ! refresh "$1" | LC_ALL=C grep -q '[^!#$&-+./0-9:<-@A-Z^_`a-z{|}~[-]'
}

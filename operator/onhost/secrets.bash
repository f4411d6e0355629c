# shellcheck shell=bash
# Secrets made where they are used: the same files as generator/write/secrets.ts writes on a laptop.
# To be sourced. `secrets_make RECIPE FOLDER [SUPPLY]` follows a recipe of operator/settings/recipe.ts.
#
# stdout: `made NAME` for every file that was written. stderr: a line for every fault, and nothing was derived then.
# Values are only ever in files, pipes and this shell's own variables: never in an argument or an exported variable.

# SUPPLY says what stands for a secret that nobody supplied: `empty`, or (if absent) it is a fault.
secrets_make() (
  set -euo pipefail
  set +x
  export LC_ALL=C
  umask 077
  local recipe=$1 folder=$2 supply=${3-fault}
  mkdir -p -- "$folder"
  chmod 0700 -- "$folder"
  cd -- "$folder"
  # Left by one that was killed; nobody else writes here, since the lock of the work is held.
  rm -f -- .*.secret-aside
  printf '*\n' >.gitignore.secret-aside
  chmod 0644 .gitignore.secret-aside
  mv -fT .gitignore.secret-aside .gitignore
  # Two passes: what was not supplied is told before anything is made.
  secrets_check "$supply" <"$recipe" || exit
  secrets_primary "$supply" <"$recipe"
  secrets_derive <"$recipe"
)

secrets_check() {
  local supply=$1 word rest name label faults=0
  read -r word rest || true
  if [[ $word != plimsoll-secrets || $rest != 1 ]]; then
    echo "the recipe of the secrets is of a version that this host's script does not know" >&2
    return 2
  fi
  while read -r word name rest; do
    case $word in
      random | supplied | text | +) secrets_name "$name" || return 2 ;;
      = | end | '') ;;
      *)
        echo "the recipe of the secrets has a line that starts with $word" >&2
        return 2
        ;;
    esac
    if [[ $word == supplied && ! -e $name && $supply != empty ]]; then
      label=$(secrets_literal "$rest")
      echo "secret $name does not exist: $label, which a person supplies" >&2
      faults=1
    fi
  done
  ((faults == 0)) || return 2
}

secrets_name() {
  [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] && return
  echo "the recipe of the secrets has a name that is none" >&2
  return 1
}

secrets_primary() {
  local supply=$1 word name first second
  while read -r word name first second; do
    [[ $word == random || $word == supplied ]] || continue
    [[ ! -e $name ]] || continue
    if [[ $word == random ]]; then
      secrets_random "$first" "$second" >".$name.secret-aside"
      secrets_once "$name" 0444
    elif [[ $supply == empty ]]; then
      : >".$name.secret-aside"
      # Its owner writes the value into it.
      secrets_once "$name" 0644
    fi
  done
}

# So many characters, each as likely as the others: what is no character of the alphabet is thrown away, never folded.
secrets_random() {
  local length=$1 alphabet=$2 text=''
  while ((${#text} < length)); do
    if [[ $alphabet == hex ]]; then
      text+=$(head -c 64 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
    else
      text+=$(head -c 256 /dev/urandom | tr -dc 'A-Za-z0-9')
    fi
  done
  printf '%s' "${text:0:length}"
}

# A file is there whole or not at all, and the first to make it wins.
secrets_once() {
  chmod "$2" -- ".$1.secret-aside"
  sync -- ".$1.secret-aside"
  if ln -T -- ".$1.secret-aside" "$1" 2>/dev/null; then echo "made $1"; fi
  rm -f -- ".$1.secret-aside"
  [[ -e $1 ]]
}

secrets_derive() {
  local word name as line current=''
  while read -r word name as line; do
    case $word in
      text)
        current=$name
        : >".$current.secret-aside"
        ;;
      =) secrets_literal "$name" >>".$current.secret-aside" ;;
      +) secrets_value "$name" "$as" "$line" >>".$current.secret-aside" || secrets_give_up "$current" ;;
      end) secrets_replace "$current" ;;
    esac
  done
}

secrets_give_up() {
  rm -f -- ".$1.secret-aside"
  exit 2
}

secrets_replace() {
  local aside=".$1.secret-aside"
  if [[ -e $1 ]] && cmp -s -- "$aside" "$1"; then
    rm -f -- "$aside"
    return
  fi
  chmod 0444 -- "$aside"
  sync -- "$aside"
  mv -fT -- "$aside" "$1"
  echo "made $1"
}

secrets_literal() {
  [[ $1 == = ]] || printf '%s' "$1" | base64 -d
}

# The value of another secret, encoded.
secrets_value() {
  local name=$1 as=$2 line=$3
  if [[ ! -e $name ]]; then
    echo "secret $name does not exist, and another is made of it" >&2
    return 1
  fi
  if ! iconv -f UTF-8 -t UTF-8 -- "$name" >/dev/null 2>&1; then
    echo "secret $name is not a UTF-8 text" >&2
    return 1
  fi
  if [[ $line == line ]] && (($(secrets_stripped "$name" | tr -dc '\r\n\0' | wc -c) > 0)); then
    echo "secret $name holds more than one line, and an env file has no way to write that: set secrets_as: files in api of stack.yaml" >&2
    return 1
  fi
  case $as in
    url) secrets_stripped "$name" | secrets_percent ;;
    sha256) secrets_stripped "$name" | sha256sum | tr -d ' \n-' ;;
    *) secrets_stripped "$name" ;;
  esac
}

# An editor ends a file with a newline that is no part of a password.
secrets_stripped() {
  case $(tail -c 2 -- "$1" | od -An -v -tx1 | tr -d ' \n') in
    0d0a) head -c -2 -- "$1" ;;
    *0a) head -c -1 -- "$1" ;;
    *) cat -- "$1" ;;
  esac
}

# As encodeURIComponent does it: all but letters, digits and - _ . ! ~ * ' ( )
secrets_percent() {
  od -An -v -tu1 | awk '
    BEGIN {
      plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*()" sprintf("%c", 39)
      for (byte = 0; byte < 256; byte++) code[byte] = sprintf("%%%02X", byte)
      for (byte = 33; byte < 127; byte++) {
        character = sprintf("%c", byte)
        if (index(plain, character)) code[byte] = character
      }
    }
    { for (field = 1; field <= NF; field++) printf "%s", code[$field + 0] }'
}

/** Writing a file of the site's state, whole: by rename, under a lock. */

/** `$1` the file, `$2` the SHA-256 of what it held, or `absent`; the text on stdin. Ends with 3 where it differs. */
export const REPLACE = `set -euo pipefail
file=$1 seen=$2 folder=\${1%/*}
umask 077
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -w 10 9
found=absent
if [[ -e $file ]]; then found=$(sha256sum <"$file"); found=\${found%% *}; fi
[[ $found == "$seen" ]] || exit 3
trap 'rm -f "$file.new"' EXIT
cat >"$file.new"
mv "$file.new" "$file"
trap - EXIT
`;

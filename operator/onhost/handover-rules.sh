#!/bin/sh
# In the host's own network, as root: new connections to published ports go to a stand-in. Rules stand before Docker's,
# carry a mark, and come and go in one step.
#   handover-rules.sh MARK release      new connections go where Docker says; those that stand are still translated
#   handover-rules.sh MARK clear        nothing is left
#   handover-rules.sh MARK add "ADDRESS PORT STAND-IN'S-PORT"…
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin
mark=$1 action=$2
shift 2

# The rules of before, as words that take them away.
old() { "$1" -w 10 -t "$2" -S 2>/dev/null | grep -E -- "--comment \"?$mark\"?( |\$)" | sed 's/^-A /-D /' || true; }

# Where Docker itself sends what comes to this port of the stand-in: `TARGET BRIDGE SUBNET`.
target() {
  "$1" -w 10 -t nat -S | awk -v port="$2" '
    function after(word,  i) { for (i = 1; i < NF; i++) if ($i == word) return $(i + 1); return "" }
    $2 == "POSTROUTING" && after("-j") == "MASQUERADE" && after("-s") != "" && after("-o") != "" { subnet[after("-o")] = after("-s") }
    $2 == "DOCKER" && after("--dport") == port && after("--to-destination") != "" { to = after("--to-destination"); bridge = after("-i") }
    END { if (to != "") print to, (bridge == "" ? "-" : bridge), (bridge in subnet ? subnet[bridge] : "-") }'
}

# Only what opens a connection is diverted: where nothing was tracked before (IPv6 without a firewall), the kernel takes a
# packet from the middle of one for new.
# rules TOOL ADDRESS PORT STAND-IN'S-PORT
rules() {
  tool=$1 address=$2 port=$3 stand=$4
  tag="-m comment --comment $mark"
  loop=127.0.0.0/8 any=0.0.0.0
  [ "$tool" = iptables ] || { loop=::1/128 any=::; }
  case $address in "$any") to_us="-m addrtype --dst-type LOCAL" ;; *) to_us="-d $address" ;; esac
  # shellcheck disable=SC2046
  set -- $(target "$tool" "$stand")
  # Docker's proxy answers on loopback, and on IPv6 for containers that have none.
  proxied=$("$tool" -w 10 -t nat -S OUTPUT | grep -c -- "! -d $loop .*-j DOCKER" || true)
  if [ $# -eq 0 ]; then
    [ "$tool" = ip6tables ] || { echo "Docker has no rule for the stand-in's port $stand" >&2; return 1; }
    nat="$nat
-I PREROUTING -p tcp --syn $to_us --dport $port $tag -j REDIRECT --to-ports $stand
-I OUTPUT -p tcp --syn $to_us --dport $port $tag -j REDIRECT --to-ports $stand"
    filter="$filter
-I INPUT -p tcp --dport $stand -m conntrack --ctstate DNAT --ctorigdstport $port $tag -j ACCEPT"
    return 0
  fi
  case $address in
    127.* | ::1) ;;
    *)
      nat="$nat
-I PREROUTING -p tcp --syn $to_us --dport $port $tag -j DNAT --to-destination $1
-I OUTPUT -p tcp --syn $to_us --dport $port $tag -j DNAT --to-destination $1"
      # From containers of other networks Docker lets only its proxy through; and what comes from the host's own bridges
      # comes from no one outside.
      for bridge in docker0 br-+; do
        filter="$filter
-I FORWARD -p tcp -i $bridge -d ${1%:*} --dport ${1##*:} -m conntrack --ctstate DNAT $tag -j ACCEPT"
      done
      # From the stand-in's own network: it must answer by way of here.
      [ "$3" = - ] || nat="$nat
-I POSTROUTING -p tcp --syn -s $3 -o $2 -d ${1%:*} --dport ${1##*:} -m conntrack --ctstate DNAT $tag -j MASQUERADE"
      ;;
  esac
  case $address in
    "$any" | 127.* | ::1)
      case $address in "$any") to_us="-d $loop" ;; esac
      jump="REDIRECT --to-ports $stand"
      [ "$proxied" -gt 0 ] || jump="DNAT --to-destination $1"
      nat="$nat
-I OUTPUT -p tcp --syn $to_us --dport $port $tag -j $jump"
      ;;
  esac
}

apply() {
  text=""
  for table in nat filter; do
    case $table:$action in
      nat:*) new=$nat ;;
      # These match by state: without any, an IPv6 host may stop to track, and so to translate.
      filter:release) continue ;;
      *) new=$filter ;;
    esac
    gone=$(old "$1" "$table")
    [ -z "$gone$new" ] || text="$text
*$table
$gone
$new
COMMIT"
  done
  [ -z "$text" ] || printf '%s\n' "$text" | sed '/^$/d' | "$1-restore" -w 10 --noflush
}

for tool in iptables ip6tables; do
  if ! command -v "$tool" >/dev/null; then
    [ "$tool" = iptables ] || continue
    echo "no iptables on this host" >&2
    exit 1
  fi
  nat="" filter=""
  for each; do
    [ "$action" = add ] || continue
    case $each in *:*) family=ip6tables ;; *) family=iptables ;; esac
    # shellcheck disable=SC2086
    [ "$family" != "$tool" ] || rules "$tool" $each
  done
  apply "$tool"
done

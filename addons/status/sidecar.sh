# Asks the tailscaled of this container and measures its network: for any POSIX sh, with busybox or coreutils.
# Arguments: MARK, then sections. A section begins with the line "MARK name" and ends with "MARK = exit code".
mark=$1
shift
section() {
  name=$1 seconds=$2
  shift 2
  printf '%s %s\n' "$mark" "$name"
  timeout -s KILL "$seconds" "$@" 2>&1 </dev/null
  code=$?
  printf '\n%s = %s\n' "$mark" "$code"
  return "$code"
}
for wanted in "$@"; do
  case $wanted in
    # Before 1.102 it lacks these flags, and says of health only its words.
    status)
      section watch 4 tailscale debug watch-ipn --initial-health --health-actions --initial-status \
        --peer-wireguard-state --count=1 || section status 4 tailscale status --json
      ;;
    metrics) section metrics 4 tailscale metrics print ;;
    serve) section serve 4 tailscale serve status --json ;;
    volume) section volume 2 df -P -k "${TS_STATE_DIR:-/var/lib/ts-state}" ;;
    netcheck) section netcheck 15 tailscale netcheck --format=json ;;
    relays) section relays 4 tailscale debug derp-map ;;
  esac
done
exit 0

#!/bin/sh
# Checks the unit and the account file without installing them: no error, no warning, and an exposure level below 2.0.
set -eu
cd "$(dirname "$0")"

# The program need not be installed here, so the copy that is checked starts one that is on every machine.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
sed 's|^ExecStart=/usr/bin/omsgateway|ExecStart=/bin/true|' omsgateway.service >"$copy/omsgateway.service"

# systemd-analyze ends with 0 after many of its warnings: whatever it prints is a failure.
if ! findings=$(systemd-analyze verify --man=no "$copy/omsgateway.service" 2>&1) || [ -n "$findings" ]; then
	echo "omsgateway.service: ${findings:-systemd-analyze verify failed}" >&2
	exit 1
fi

# The threshold is in tenths, and a level equal to it passes.
if ! report=$(systemd-analyze security --offline=true --no-pager --threshold=19 "$copy/omsgateway.service" 2>&1); then
	echo "$report" >&2
	echo "omsgateway.service: exposure level is not below 2.0" >&2
	exit 1
fi
echo "$report" | tail -n 1

if ! report=$(systemd-sysusers --dry-run "$PWD/omsgateway.sysusers" 2>&1); then
	echo "$report" >&2
	exit 1
fi

#!/bin/sh
# Checks the units and the account file without installing them: no error, no warning, and an exposure level below 2.0.
set -eu
cd "$(dirname "$0")"

# The programs need not be installed here, so the copies that are checked start one that is on every machine.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for unit in *.service *.path; do
	sed 's|^ExecStart=/usr/.*|ExecStart=/bin/true|' "$unit" >"$copy/$unit"
done

# systemd-analyze ends with 0 after many of its warnings: whatever it prints is a failure.
if ! findings=$(systemd-analyze verify --man=no "$copy"/* 2>&1) || [ -n "$findings" ]; then
	echo "${findings:-systemd-analyze verify failed}" >&2
	exit 1
fi

# The threshold is in tenths, and a level equal to it passes.
for unit in *.service; do
	if ! report=$(systemd-analyze security --offline=true --no-pager --threshold=19 "$copy/$unit" 2>&1); then
		echo "$report" >&2
		echo "$unit: exposure level is not below 2.0" >&2
		exit 1
	fi
	echo "$report" | tail -n 1
done

if ! report=$(systemd-sysusers --dry-run "$PWD/omsgateway.sysusers" 2>&1); then
	echo "$report" >&2
	exit 1
fi

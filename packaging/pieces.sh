#!/bin/sh
# pieces.sh FOLDER makes what goes with the programs into every package and archive: man pages, completions, licences, and the
# PowerShell module where it was built. Needs the programs of all platforms in bin/.
set -eu
umask 022
pieces=$1
rm -rf "$pieces"
mkdir -p "$pieces/man" "$pieces/completions"

OMSGATEWAY_WRITE_MANUAL=$(cd "$pieces/man" && pwd) go test -count=1 -run '^TestManual$' ./ctl ./cmd/omsgateway >/dev/null
for shell in bash zsh fish; do
	go run ./cmd/omsgwctl completion "$shell" >"$pieces/completions/omsgwctl.$shell"
done
go run ./packaging/bom -version - -licences "$pieces/third-party-licences.txt" bin/linux-*/omsg* bin/windows-*/omsg*
cp LICENSE "$pieces/LICENSE"

# Without omsgwctl: a package has it elsewhere, and of an archive it belongs to one platform.
if [ -d psmodule/out/OMSGateway ]; then
	mkdir "$pieces/OMSGateway"
	for part in psmodule/out/OMSGateway/*; do
		if [ "${part##*/}" != bin ]; then cp -R "$part" "$pieces/OMSGateway/"; fi
	done
fi

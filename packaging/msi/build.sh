#!/usr/bin/env bash
# Makes the Windows package: build.sh VERSION PROGRAMS MODULE OUTPUT
#
#   VERSION   as git describe says it; the package's own version is its first three numbers, before the first tag 0.0.COMMITS, and
#             0.0.1 where git does not tell
#   PROGRAMS  the folder of omsgateway.exe and omsgwctl.exe for Windows on x64, and third-party-licences.txt, which is added to the
#             licence that is installed
#   MODULE    the folder of the PowerShell module; a package without it is made when it is not there
#   OUTPUT    the .msi; Update-OMSGateway.ps1 is made beside it
#
# Programs and package are signed when OMSGATEWAY_SIGN_CERT names a certificate: PKCS #12 (.p12, .pfx), or PEM with the key in
# OMSGATEWAY_SIGN_KEY. OMSGATEWAY_SIGN_PASSWORD_FILE has the key's password, OMSGATEWAY_SIGN_TIMESTAMP is the address of an RFC 3161
# time stamp service.
set -euo pipefail

if [ $# -ne 4 ]; then
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
version=$1 programs=$2 module=$3 output=$(realpath -m "$4")
here=$(dirname "$(realpath "$0")")

version=$("$here/../version.sh" "$version")
short=$(sed -nE 's/^0\.0\.0\+([0-9]+)\..*/0.0.\1/p; t; s/^0\.0\.0\+.*/0.0.1/p; t; s/^([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' <<<"$version")

for tool in wixl msibuild x86_64-w64-mingw32-gcc; do
	if ! command -v "$tool" >/dev/null; then
		echo "$tool is missing: apt-get install --no-install-recommends wixl msitools gcc-mingw-w64-x86-64-win32" >&2
		exit 1
	fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# sign FILE, in place
sign() {
	[ -n "${OMSGATEWAY_SIGN_CERT:-}" ] || return 0
	local options=(-h sha256 -n "OMS Gateway")
	case $OMSGATEWAY_SIGN_CERT in
	*.p12 | *.pfx) options+=(-pkcs12 "$OMSGATEWAY_SIGN_CERT") ;;
	*) options+=(-certs "$OMSGATEWAY_SIGN_CERT" -key "${OMSGATEWAY_SIGN_KEY:?is the key of OMSGATEWAY_SIGN_CERT}") ;;
	esac
	if [ -n "${OMSGATEWAY_SIGN_PASSWORD_FILE:-}" ]; then options+=(-readpass "$OMSGATEWAY_SIGN_PASSWORD_FILE"); fi
	if [ -n "${OMSGATEWAY_SIGN_TIMESTAMP:-}" ]; then options+=(-ts "$OMSGATEWAY_SIGN_TIMESTAMP"); fi
	osslsigncode sign "${options[@]}" -in "$1" -out "$1.signed" || {
		echo "$(basename "$1") cannot be signed; a script needs osslsigncode 2.8 or later (osslsigncode --version)" >&2
		return 1
	}
	mv "$1.signed" "$1"
}

# component PREFIX FILE: a file of the module as a component of its own
component() {
	local id=$1.${2#module/}
	id=${id//[^A-Za-z0-9.]/_}
	echo "<Component Id=\"$id\" Guid=\"*\" Win64=\"yes\"><File Id=\"$id\" Name=\"${2##*/}\" Source=\"$2\" KeyPath=\"yes\" /></Component>"
	echo "<ComponentRef Id=\"$id\" />" >>references
}

# folder PREFIX FOLDER: all components of a folder of the module
folder() {
	local path id
	for path in "$2"/*; do
		if [ -d "$path" ]; then
			id=$1.${path#module/}
			echo "<Directory Id=\"${id//[^A-Za-z0-9.]/_}\" Name=\"${path##*/}\">"
			folder "$1" "$path"
			echo '</Directory>'
		elif [ -f "$path" ]; then
			component "$1" "$path"
		fi
	done
}

# fragment: the module in both places, and the way to it at a third, as WiX
fragment() {
	echo '<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi"><Fragment>'
	: >references
	if [ -d module ]; then
		echo '<DirectoryRef Id="ModuleFolder">'
		folder Module module
		echo '</DirectoryRef><DirectoryRef Id="SharedModuleFolder">'
		folder SharedModule module
		echo '</DirectoryRef><DirectoryRef Id="DocumentedModuleFolder">'
		component Documented OmsGateway.psd1
		echo '</DirectoryRef>'
	fi
	echo '<ComponentGroup Id="Module">'
	cat references
	echo '</ComponentGroup></Fragment></Wix>'
}

# rtf: the text on standard input in one line of RTF; an empty line ends a paragraph
rtf() {
	awk 'BEGIN { printf "{\\rtf1\\ansi{\\fonttbl{\\f0 Tahoma;}}\\f0\\fs16 " }
		/^$/ { printf "\\par\\par "; next }
		{ gsub(/[\\{}]/, "\\\\&"); printf "%s ", $0 }
		END { printf "}" }'
}

mkdir "$work/programs" "$work/tables"
cp "$programs/omsgateway.exe" "$programs/omsgwctl.exe" "$work/programs/"
if [ -d "$module" ]; then
	mkdir "$work/module"
	cp -R "$module/." "$work/module/"
	# The programs of other platforms stay out.
	for platform in "$work"/module/bin/*; do
		case $platform in */windows-amd64) ;; *) rm -rf "$platform" ;; esac
	done
	sed -e "s/@VERSION@/$short/" -e 's/$/\r/' "$here/OmsGateway.psd1" >"$work/OmsGateway.psd1"
else
	echo "$output is made without the PowerShell module, since $module is not there" >&2
fi
{
	cat "$here/../../LICENSE"
	if [ -e "$programs/third-party-licences.txt" ]; then echo && cat "$programs/third-party-licences.txt"; fi
} | sed 's/$/\r/' >"$work/LICENSE.txt"

cd "$work"
x86_64-w64-mingw32-gcc -std=c11 -Os -Wall -Wextra -Werror -s -shared -nostdlib -Wl,--entry=0,--no-insert-timestamp \
	-o actions.dll "$here/actions/actions.c" -lmsi -lkernel32
while read -r -d '' file; do sign "$file"; done < <(find . -name '*.exe' -print0 -o -name '*.dll' -print0)

fragment >module.wxs
script=$(cat "$here/original.ps1" "$here/refuse-original.ps1" | grep -v '^ *#' | iconv -t UTF-16LE | base64 -w 0)
if [ ${#script} -gt 32000 ]; then # with the rest of the command line, that of a process has 32,767 characters
	echo "original.ps1 and refuse-original.ps1 are too long for a command line: ${#script} characters" >&2
	exit 1
fi
# What the module needs in Windows PowerShell, in the registry's number and in words; any 4 where it asks for nothing.
dotnet=$(sed -nE 's/.*Release -lt ([0-9]{6})\).*/\1/p' "$here/../../psmodule/OMSGateway/OMSGateway.psm1")
dotnet_version=$(sed -nE 's/.*needs \.NET Framework ([0-9.]*[0-9]).*/\1/p' "$here/../../psmodule/OMSGateway/OMSGateway.psm1")
wixl --arch x64 -D Version="$short" -D FullVersion="$version" -D SaveOriginal="$script" \
	-D DotNetNeeded="#${dotnet:-000000}" -D DotNetNeededVersion="${dotnet_version:-4}" -o gateway.msi "$here/omsgateway.wxs" module.wxs >wixl.out 2>&1 ||
	{ cat wixl.out >&2; exit 1; }
if [ -s wixl.out ]; then
	echo 'wixl warns, which means that it left something out:' >&2
	cat wixl.out >&2
	exit 1
fi

licence=$(rtf <"$here/../../LICENSE")
imports=()
for table in "$here"/tables/*.idt; do
	name=$(basename "$table")
	LICENCE=$licence VERSION=$short awk '{
		for (name in ENVIRON) if (name == "LICENCE" || name == "VERSION") {
			at = index($0, "@" name "@")
			if (at) $0 = substr($0, 1, at - 1) ENVIRON[name] substr($0, at + length(name) + 2)
		}
		printf "%s\r\n", $0
	}' "$table" >"tables/$name"
	imports+=(-i "tables/$name")
done
msibuild gateway.msi "${imports[@]}"
sign gateway.msi
mkdir -p "$(dirname "$output")"
mv gateway.msi "$output"

# The script that puts it in the place of an original. Windows PowerShell wants CRLF around a signature.
awk -v part="$here/original.ps1" '
	$0 == "# original.ps1" { while ((getline line <part) > 0) print line; next }
	{ print }' "$here/update.ps1" | sed 's/$/\r/' >Update-OMSGateway.ps1
sign Update-OMSGateway.ps1
mv Update-OMSGateway.ps1 "$(dirname "$output")/"

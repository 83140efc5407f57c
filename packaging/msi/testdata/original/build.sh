#!/usr/bin/env bash
# Makes original.msi and forwarder.msi, packages as those of the original in both editions: build.sh FOLDER
set -euo pipefail
folder=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp OMSGateway.* settings.json original.wxs "$work/"
x86_64-w64-mingw32-gcc -municode -Os -Wall -Wextra -Werror -s -o "$work/service.exe" service.c
cd "$work"
# edition FILE NAME FOLDER SERVICE MODULE NUMBER
edition() {
	wixl --arch x64 -D Name="$2" -D Folder="$3" -D Service="$4" -D Module="$5" -D UpgradeCode="7F0C4C57-93F1-4B87-8B2C-6D8E2D6A1C0$6" \
		-D ServiceGuid="4B7B2A36-0F6C-4F3B-8F0C-2D6A1C9E5B0$6" -o "$folder/$1" original.wxs
}
edition original.msi 'OMS Gateway' 'OMS Gateway' OMSGatewayService yes 1
edition forwarder.msi 'Microsoft OMS Log Analytics Forwarder' 'OMS Log Analytics Forwarder' ForwarderService no 2

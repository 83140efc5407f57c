#!/bin/sh
# archives.sh VERSION FOLDER writes an archive for each platform into FOLDER: the programs and what goes with them, for those who
# install by hand. Needs bin/pieces (packaging/pieces.sh), the programs of all platforms in bin/, zip, and SOURCE_DATE_EPOCH.
set -eu
umask 022
version=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
pieces=bin/pieces
command -v zip >/dev/null || {
	echo "zip is missing: apt-get install zip" >&2
	exit 1
}

for platform in linux-amd64 linux-arm64 windows-amd64 windows-arm64; do
	name=omsgateway-$version-$platform
	top=bin/stage/archive/$name
	rm -rf "$top"
	mkdir -p "$top/docs"
	cp bin/$platform/omsgateway* bin/$platform/omsgwctl* $pieces/LICENSE $pieces/third-party-licences.txt README.md "$top/"
	cp docs/*.md "$top/docs/"
	case $platform in
	linux-*)
		mkdir "$top/systemd"
		cp packaging/systemd/omsgateway* packaging/linux/agent-access "$top/systemd/"
		cp -R $pieces/man $pieces/completions "$top/"
		;;
	esac
	if [ -d $pieces/OMSGateway ]; then
		mkdir "$top/PowerShell"
		cp -R $pieces/OMSGateway "$top/PowerShell/"
		mkdir -p "$top/PowerShell/OMSGateway/bin/$platform"
		cp bin/$platform/omsgwctl* "$top/PowerShell/OMSGateway/bin/$platform/"
	fi

	(
		cd bin/stage/archive
		find "$name" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
		case $platform in
		linux-*)
			tar --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner "$name" | gzip -9n >"$folder/$name.tar.gz"
			;;
		windows-*)
			rm -f "$folder/$name.zip"
			find "$name" -type f | LC_ALL=C sort | TZ=UTC zip -q -9 -X -@ "$folder/$name.zip"
			;;
		esac
	)
done

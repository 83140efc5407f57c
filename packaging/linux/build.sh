#!/bin/sh
# build.sh VERSION FOLDER writes the .deb and .rpm packages for amd64 and arm64 into FOLDER, in place of older ones. Needs bin/pieces
# (packaging/pieces.sh), the programs in bin/linux-*/, bin/tools/nfpm, the mail address MAINTAINER, and SOURCE_DATE_EPOCH, which
# becomes the time of everything in the packages.
set -eu
umask 022
PACKAGE_VERSION=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
rm -f "$folder"/omsgateway*.deb "$folder"/omsgateway*.rpm
top=$PWD
pieces=bin/pieces

# install_pages FORMAT ROOT: documents where Debian (https://www.debian.org/doc/debian-policy/ch-docs.html) and Fedora want them.
install_pages() {
	case $1 in
	deb)
		# As the format wants it: https://www.debian.org/doc/debian-policy/ch-source.html#debian-changelog-debian-changelog
		install -d "$2/usr/share/doc/omsgateway"
		printf 'omsgateway (%s) unstable; urgency=medium\n\n%s\n\n -- %s  %s\n' "$(deb_version)" "$(packaging/changelog.sh)" \
			"The OMS gateway authors <$MAINTAINER>" "$(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")" |
			gzip -9n >"$2/usr/share/doc/omsgateway/changelog.gz"
		{
			printf 'The OMS gateway, in /usr/bin and elsewhere in this package:\n\n'
			cat LICENSE
			printf '\nWhat its programs contain of others, with their licences: third-party-licences.txt.gz in this folder.\n'
		} >"$2/usr/share/doc/omsgateway/copyright"
		gzip -9nc $pieces/third-party-licences.txt >"$2/usr/share/doc/omsgateway/third-party-licences.txt.gz"
		install -Dm644 packaging/linux/deb/lintian-overrides "$2/usr/share/lintian/overrides/omsgateway"
		install -Dm644 $pieces/completions/omsgwctl.zsh "$2/usr/share/zsh/vendor-completions/_omsgwctl"
		;;
	rpm)
		install -Dm644 -t "$2/usr/share/doc/omsgateway" CHANGELOG.md
		install -Dm644 -t "$2/usr/share/licenses/omsgateway" LICENSE $pieces/third-party-licences.txt
		install -Dm644 $pieces/completions/omsgwctl.zsh "$2/usr/share/zsh/site-functions/_omsgwctl"
		;;
	esac
}

# deb_version spells a version before 1.0.0-rc1 as nfpm does for a package, 1.0.0~rc1, which sorts before 1.0.0.
deb_version() { echo "$PACKAGE_VERSION" | sed 's/-/~/'; }

for arch in amd64 arm64; do
	for format in deb rpm; do
		stage=bin/stage/$format-$arch
		rm -rf "$stage"
		root=$stage/root
		install -Dm755 -t "$root/usr/bin" bin/linux-$arch/omsgateway bin/linux-$arch/omsgwctl
		install -Dm755 packaging/linux/agent-access "$root/usr/libexec/omsgateway/agent-access"
		install -Dm644 -t "$root/usr/lib/systemd/system" packaging/systemd/omsgateway*.service packaging/systemd/omsgateway*.path
		install -Dm644 packaging/systemd/omsgateway.sysusers "$root/usr/lib/sysusers.d/omsgateway.conf"
		install -Dm644 $pieces/completions/omsgwctl.bash "$root/usr/share/bash-completion/completions/omsgwctl"
		install -Dm644 $pieces/completions/omsgwctl.fish "$root/usr/share/fish/vendor_completions.d/omsgwctl.fish"
		install -d "$root/usr/share/man/man8"
		for page in "$pieces"/man/*; do
			gzip -9nc "$page" >"$root/usr/share/man/man8/${page##*/}.gz"
		done
		if [ -d $pieces/OMSGateway ]; then
			# Where PowerShell on Linux looks for modules of all users; there is no place for packages below /usr:
			# https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_psmodulepath
			modules=$root/usr/local/share/powershell/Modules
			install -d "$modules"
			cp -R $pieces/OMSGateway "$modules/"
			install -d "$modules/OMSGateway/bin/linux-$arch"
			ln -s /usr/bin/omsgwctl "$modules/OMSGateway/bin/linux-$arch/omsgwctl"
		fi
		install_pages $format "$root"
		# The scripts after the installation begin with one text.
		case $format in
		deb) script=postinst ;;
		rpm) script=post ;;
		esac
		cat packaging/linux/announce packaging/linux/$format/$script >"$stage/$script"
		find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
		(
			cd "$stage"
			export ARCH=$arch PACKAGE_VERSION
			"$top/bin/tools/nfpm" package --config "$top/packaging/linux/nfpm.yaml" --packager $format --target "$folder/"
		)
	done
done

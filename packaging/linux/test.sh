#!/bin/sh
# test.sh FOLDER tests the packages in FOLDER, made by make packages with VERSION and PACKAGE_VERSION: that the same tree makes the same bytes, what lintian says of
# the .deb, and the life of both packages in roots that are thrown away (story.sh). The machine stays as it is. Needs root, or sudo.
set -eu
cd "$(dirname "$0")/../.."
packages=$(cd "$1" && pwd)

skip() {
	echo "test-packages: skipped, because $1"
	test -z "${OMSGATEWAY_TEST_REQUIRE:-}"
	exit
}
for program in curl dpkg ip lintian openssl rpm setfacl systemd-nspawn systemd-sysusers unshare; do
	command -v $program >/dev/null || skip "there is no $program on PATH"
done
as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root="sudo -n"
	$as_root true 2>/dev/null || skip "the packages can be installed by root only"
fi
$as_root unshare --mount --net --pid --fork true || skip "no namespaces can be made here"
case $(uname -m) in
x86_64) deb=amd64 rpm=x86_64 ;;
aarch64) deb=arm64 rpm=aarch64 ;;
*) skip "there are no packages for $(uname -m)" ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
copy=$scratch/another-folder
mkdir -p "$copy/bin"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --preserve=timestamps,mode -t "$copy"
ln -s "$PWD/bin/tools" "$copy/bin/tools"
if [ -d psmodule/out/OMSGateway ]; then cp -R --parents psmodule/out/OMSGateway "$copy"; fi

echo "the same bytes from another folder, with another umask, time zone and language"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 make -s -C "$copy" packages VERSION="$VERSION" PACKAGE_VERSION="$PACKAGE_VERSION" >"$scratch/log" 2>&1) || {
	cat "$scratch/log"
	exit 1
}
(cd "$packages" && sha256sum ./*.deb ./*.rpm) >"$scratch/sums"
(cd "$copy/bin/release" && sha256sum --quiet --check "$scratch/sums")

echo "lintian"
lintian --allow-root --fail-on error,warning "$packages"/*.deb

make -s -C "$copy" packages VERSION=v99.0.0 RELEASE="$scratch/next" >"$scratch/log" 2>&1 || {
	cat "$scratch/log"
	exit 1
}
cp "$packages"/*"$deb.deb" "$scratch/this.deb"
cp "$packages"/*"$rpm.rpm" "$scratch/this.rpm"
cp "$scratch/next"/*"$deb.deb" "$scratch/next.deb"
cp "$scratch/next"/*"$rpm.rpm" "$scratch/next.rpm"
for format in deb rpm; do
	for init in nothing systemd; do
		echo "the life of the .$format under $init"
		# No other process, network, or file of this machine is reached from in there.
		$as_root timeout 300 unshare --mount --net --pid --fork --mount-proc --propagation private \
			"$PWD/packaging/linux/story.sh" in-throw-away-root "$scratch" $format $init
	done
done

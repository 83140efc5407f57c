#!/bin/sh
# story.sh FORMAT tells the life of a package, deb or rpm: installed, used, upgraded, removed. test.sh runs it in namespaces of its own,
# as story.sh in-throw-away-root FOLDER FORMAT INIT, where FOLDER has the packages this.FORMAT and next.FORMAT, and INIT says whether
# systemd runs in there or, as in many containers, does not: systemd or nothing.
set -eu
story=/var/tmp/story # with the packages

if [ "$1" = in-throw-away-root ]; then
	# The root is this machine's, with all changes in memory.
	mount -t tmpfs tmpfs /mnt
	root=/mnt/root
	mkdir $root /mnt/changes /mnt/work
	mount -t overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/work overlay $root
	# An overlay does not stand changes below it, and these are what others might change at the same time.
	for folder in etc var/lib/dpkg; do
		mkdir -p /mnt/copies/$folder
		cp -a /$folder/. /mnt/copies/$folder
		mount --bind /mnt/copies/$folder $root/$folder
	done
	mkdir $root$story
	cp "$0" "$2"/*."$3" $root$story/
	rm -f $root/usr/sbin/policy-rc.d   # many images forbid packages to start services
	rm -rf $root/var/lib/omsgateway    # of a gateway that was tried on this machine

	if [ "$4" = nothing ]; then
		mount -t tmpfs tmpfs $root/run
		mount -t proc proc $root/proc
		mount --rbind /dev $root/dev
		exec chroot $root $story/story.sh "$3"
	fi

	# Of what the machine would start there is only what all machines start.
	units=$root/etc/systemd/system
	rm -rf $units/*.wants
	cat >$units/story.service <<-END
		[Unit]
		SuccessAction=poweroff-force
		FailureAction=poweroff-force
		[Service]
		Type=oneshot
		ExecStart=$story/story.sh $3
		ExecStartPost=/bin/touch $story/done
		StandardOutput=append:$story/said
		StandardError=inherit
	END
	printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=story.service\n' >$units/story.target
	ln -sf story.target $units/default.target
	systemd-nspawn --quiet --directory $root --boot --private-network --register=no --keep-unit --console=pipe \
		</dev/null >$root$story/boot 2>&1 || true
	if [ -e $root$story/done ]; then exit; fi
	cat $root$story/boot $root$story/said
	exit 1
fi

format=$1
state=/var/lib/omsgateway
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
# expect WHAT COMMAND... and refuse WHAT COMMAND...: the command must succeed, and must fail.
expect() {
	what=$1
	shift
	output=$("$@" 2>&1) || fail "$what: $* said: $output"
}
refuse() {
	what=$1
	shift
	if output=$("$@" 2>&1); then fail "$what: $* said: $output"; fi
}
# says TEXT: the last output has it.
says() {
	case $output in
	*"$1"*) ;;
	*) fail "no \"$1\" in: $output" ;;
	esac
}
# as USER COMMAND... becomes the command, without any right that the account does not have: for subshells only.
as() {
	user=$1
	shift
	exec setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all "$@"
}
# until_there WHAT COMMAND... waits for what another process is about to do.
until_there() {
	what=$1
	shift
	for _ in $(seq 300); do
		if ("$@") >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	fail "$what did not come"
}

installed() {
	case $format in
	deb) expect "installing $1" dpkg --install "$story/$1.deb" ;;
	rpm) expect "installing $1" rpm --upgrade --nodeps --verbose "$story/$1.rpm" ;; # this machine's own packages are not in rpm's books
	esac
}
removed() {
	case $format in
	deb) expect removing dpkg --remove omsgateway ;;
	rpm) expect removing rpm --erase omsgateway ;;
	esac
}
verified() {
	case $format in
	deb) expect "files as they are in the package" dpkg --verify omsgateway ;;
	rpm) expect "files as they are in the package" rpm --verify --nodeps omsgateway ;;
	esac
	[ -z "$output" ] || fail "other files than in the package: $output"
}
files_of_package() {
	case $format in
	deb) dpkg --listfiles omsgateway ;;
	rpm) rpm --query --list omsgateway ;;
	esac
}

# Without systemd somebody else has to make the folders of the service.
start_gateway() {
	if [ $init = systemd ]; then
		systemctl start omsgateway
		return
	fi
	install -d -o omsgateway -g omsgateway -m 0700 $state
	install -d -o omsgateway -g omsgateway -m 0755 /run/omsgateway
	as omsgateway /usr/bin/omsgateway 2>/run/gateway.log &
	gateway=$!
	until_there "the gateway" test -S /run/omsgateway/admin.sock
}
stop_gateway() {
	if [ $init = systemd ]; then
		systemctl stop omsgateway
		return
	fi
	kill "$gateway"
	wait "$gateway" || fail "the gateway ended badly: $(cat /run/gateway.log)"
}

# effective HOST: the gateway allows it.
effective() { omsgwctl allowed-host list --effective | grep -qF "$1"; }

enabled=/etc/systemd/system/multi-user.target.wants/omsgateway.service
if [ -e /usr/bin/omsgateway ]; then fail "a gateway is installed on this machine"; fi
init=nothing
if [ -d /run/systemd/system ]; then init=systemd; fi
ip link set lo up

installed this
if [ $init = systemd ]; then
	says "omsgateway is running"
else
	says "was not started, because systemd does not run here"
fi
says "listens on port 8080 of all addresses of this computer, for everybody who can reach them"
expect "the account" getent passwd omsgateway
says /nologin
expect "the groups" getent group omsgateway-admin omsgateway-read
expect "the service is enabled" test -L $enabled
expect "completions" bash -n /usr/share/bash-completion/completions/omsgwctl
verified
files_of_package >/run/files-before

start_gateway
cd /run
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null
openssl s_server -accept 127.0.0.1:8443 -key key.pem -cert cert.pem -www >/dev/null 2>&1 &
expect "an answer for load balancers" curl --silent --fail http://127.0.0.1:8080/healthz
until_there "the TLS server" curl --silent --cacert cert.pem https://localhost:8443/
refuse "a tunnel to a host that is not allowed" curl -sS -x http://127.0.0.1:8080 --cacert cert.pem https://localhost:8443/
says 403
expect "a setting" omsgwctl setting set AllowLoopbackTargets On
useradd --no-create-home --groups omsgateway-admin alice
useradd --no-create-home --groups omsgateway-read bob
expect "a host added by an administrator" as alice omsgwctl allowed-host add localhost:8443
expect "a tunnel" curl -sS -x http://127.0.0.1:8080 --cacert cert.pem https://localhost:8443/
says "TLS"
expect "a reader's list" as bob omsgwctl allowed-host list
says localhost:8443
refuse "a reader's change" as bob omsgwctl allowed-host add a.example.com
says omsgateway-admin
if [ -d /usr/local/share/powershell/Modules/OMSGateway ] && pwsh -NoProfile -Command exit 2>/dev/null; then
	expect "a cmdlet" pwsh -NoProfile -NonInteractive -Command Get-OMSGatewayAllowedHost
	says localhost:8443
fi

# A gateway that was stopped for a moment goes on, and one that hangs is started anew.
if [ $init = systemd ]; then
	main() { systemctl show --value --property MainPID omsgateway; }
	expect "the watchdog" systemctl show --property WatchdogUSec omsgateway
	says WatchdogUSec=1min
	mkdir -p /run/systemd/system/omsgateway.service.d
	printf '[Service]\nWatchdogSec=6s\n' >/run/systemd/system/omsgateway.service.d/watchdog.conf
	systemctl daemon-reload
	systemctl restart omsgateway
	process=$(main)
	kill -STOP "$process"
	sleep 3
	kill -CONT "$process"
	sleep 7
	[ "$(main)" = "$process" ] || fail "a gateway that was stopped for a moment was started anew"
	kill -STOP "$process"
	until_there "another gateway" sh -c "systemctl is-active omsgateway && ! kill -0 $process"
	rm -r /run/systemd/system/omsgateway.service.d
	systemctl daemon-reload
	systemctl restart omsgateway
	expect "the list of the gateway that was started anew" omsgwctl allowed-host list
	says localhost:8443
fi

# What the monitoring agents keep to themselves, but for what the gateway reads.
azure=/etc/opt/microsoft/azuremonitoragent/config-cache/configchunks
oms=/etc/opt/microsoft/omsagent/11111111-2222-3333-4444-555555555555
mkdir -p $azure $oms/conf $oms/certs
echo '{"channels":[{"protocol":"me","endpoint":"https://first.monitoring.azure.com/x"}]}' >$azure/1.json
echo WORKSPACE_ID=1 >$oms/conf/omsadmin.conf
echo certificate >$oms/certs/oms.crt
echo key >$oms/certs/oms.key
echo secret >/run/secret
ln -s /run/secret $azure/2.json
chmod 0600 /run/secret
chmod -R go= /etc/opt/microsoft/azuremonitoragent /etc/opt/microsoft/omsagent
mkdir -p /run/elsewhere $oms-of-another
echo secret >/run/elsewhere/omsadmin.conf
chmod 0600 /run/elsewhere/omsadmin.conf
ln -s /run/elsewhere $oms-of-another/conf
if [ $init = systemd ]; then
	until_there "what systemd does about a new agent" as omsgateway cat $oms/certs/oms.crt
	expect "granting once more" systemctl start omsgateway-agent-access.service
	until_there "what the gateway learns from it" effective first.monitoring.azure.com
	sed s/first/second/ $azure/1.json >/run/3.json
	install -m 0600 /run/3.json $azure/3.json
	until_there "what the gateway learns from a new file" effective second.monitoring.azure.com
else
	refuse "reading before it is granted" as omsgateway cat $azure/1.json
	expect "granting" /usr/libexec/omsgateway/agent-access
	expect "granting once more" /usr/libexec/omsgateway/agent-access
fi
expect "reading" as omsgateway cat $azure/1.json $oms/conf/omsadmin.conf $oms/certs/oms.crt
expect "listing" as omsgateway ls $azure /etc/opt/microsoft/omsagent
refuse "reading the key" as omsgateway cat $oms/certs/oms.key
refuse "reading what a link leads to" as omsgateway cat $azure/2.json
refuse "reading in a folder that a link leads to" as omsgateway cat /run/elsewhere/omsadmin.conf
refuse "reading by others" as bob cat $azure/1.json
rm -r /etc/opt/microsoft/azuremonitoragent /etc/opt/microsoft/omsagent
expect "granting where no agent is" /usr/libexec/omsgateway/agent-access

cp $state/config.json /run/config-before
if [ $init = nothing ]; then stop_gateway; fi
chmod 0777 $state
installed next
refuse "a state folder that others may write" sh -c "find $state -maxdepth 0 -perm /022 | grep ."
expect "the new version" omsgateway --version
says 99.0.0
if [ $init = systemd ]; then
	expect "the new gateway's status" omsgwctl status
	says 99.0.0
	stop_gateway
fi
expect "the configuration after the upgrade" cmp $state/config.json /run/config-before
expect "the service is still enabled" test -L $enabled
expect "the list while the gateway is stopped" omsgwctl allowed-host list
says localhost:8443

removed
refuse "programs after the removal" test -e /usr/bin/omsgateway
expect "data after the removal" cmp $state/config.json /run/config-before

installed this
expect "the service is enabled again" test -L $enabled
expect "disabling the service" systemctl disable omsgateway
if [ $init = systemd ]; then systemctl stop omsgateway; fi
installed next
refuse "the service is enabled by an upgrade" test -L $enabled
if [ $init = systemd ]; then refuse "the service is started by an upgrade" systemctl is-active omsgateway; fi
expect "enabling the service" systemctl enable omsgateway
start_gateway
expect "the tunnel of old" curl -sS -x http://127.0.0.1:8080 --cacert cert.pem https://localhost:8443/
stop_gateway

case $format in
deb)
	expect purging dpkg --purge omsgateway
	refuse "data after the purge" test -e $state
	;;
rpm) removed ;;
esac
refuse "the link of the service" test -L $enabled
while read -r file; do
	case $file in
	*omsg* | *OMSG*) if [ -e "$file" ] || [ -L "$file" ]; then fail "$file is still there"; fi ;;
	esac
done </run/files-before

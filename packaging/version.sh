#!/bin/sh
# version.sh DESCRIPTION prints the version of a package for what `git describe --tags --always --dirty` said:
#
#	v1.2.0              1.2.0
#	v1.2.0-rc1          1.2.0-rc1
#	v1.2.0-5-g0e52beb   1.2.0+5.g0e52beb      sorts after 1.2.0 and before 1.2.1, for dpkg and for rpm
#	0e52beb             0.0.0+170.g0e52beb    no tag yet: with the number of commits
#	dev                 0.0.0+dev             no git
set -eu
commits=$(git rev-list --count HEAD 2>/dev/null || echo 0)
echo "$1" | sed -E "
	s/^v//
	s/-dirty\$/.dirty/
	s/^([0-9a-f]{7,40})(\.dirty)?\$/0.0.0+$commits.g\1\2/
	s/-([0-9]+)-(g[0-9a-f]+)(\.dirty)?\$/+\1.\2\3/
	/\+/!s/\.dirty\$/+dirty/
	/^[0-9]+\./!s/^/0.0.0+/
"

#!/bin/sh
# changelog.sh prints the points of the topmost section of CHANGELOG.md, one a line with "  * " before it, as Debian's changelogs have them.
set -eu
awk '
	/^## / { if (++sections > 1) exit; next }
	!sections || /^###/ || /^$/ { next }
	/^- / { if (point != "") print "  * " point; point = substr($0, 3); next }
	{ sub(/^ +/, ""); point = point " " $0 }
	END { if (point != "") print "  * " point }
' CHANGELOG.md | fold -s -w 74 | sed -E 's/^([^ ])/    \1/; s/ +$//'

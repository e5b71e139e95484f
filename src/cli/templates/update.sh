#!/bin/sh
# Made by `countersign init`. Git runs it for each ref of a push: only proposals come in that way.
# Everything else is written by the bot, which does not push.
LC_ALL=C
case "$1" in
    *[!!-~]*)
        echo "countersign: the name of a branch is letters, digits and signs of ASCII: choose another one." >&2
        exit 1
        ;;
    refs/heads/recommend/?* | refs/heads/govern/?*) exit 0 ;;
esac
echo "countersign: \`$1\` is not open for pushes: only the bot writes there." >&2
echo "countersign: push a recommendation to \`recommend/NAME\`, a change of the rules or targets to \`govern/NAME\`." >&2
exit 1

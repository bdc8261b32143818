#!/bin/sh
# A scripted agent for the line protocol of ostler (see README.md beside this file). It counts the
# lines of the file that its prompt names last, in a few turns, and takes messages while it works.
# Configure it with: kind = "script", input = "lines", command = ["…/agent.sh"].

field() { # field NAME LINE: the string value of NAME in a JSON line
    printf '%s\n' "$2" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
say() { printf '%s\n' "$1"; }

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM

read -r line || exit 1
file=$(field text "$line" | sed 's/.* //')

# Messages arrive while we work: a reader puts them where the next turn looks.
exec 3<&0
(
    while read -r line; do
        case $(field ostler "$line") in
        steer)
            field text "$line" >>"$work/messages"
            say "{\"ostler\":\"delivered\",\"id\":\"$(field id "$line")\"}"
            ;;
        interrupt)
            say '{"ostler":"interrupted"}'
            kill -TERM $$
            ;;
        esac
    done
) <&3 &
reader=$!

turns=${TURNS:-4}
turn=1
while [ "$turn" -le "$turns" ]; do
    say '{"ostler":"turn"}'
    say "{\"ostler\":\"text\",\"text\":\"Turn $turn of $turns, looking at $file.\"}"
    sleep "${PACE:-0.4}"
    if [ -s "$work/messages" ]; then
        break # a message asks for something else: finish what we have
    fi
    turn=$((turn + 1))
done

say "{\"ostler\":\"tool_start\",\"id\":\"1\",\"name\":\"shell\",\"command\":\"wc -l $file\"}"
if count=$(wc -l <"$file" 2>/dev/null); then
    say '{"ostler":"tool_end","id":"1","ok":true,"exit_code":0}'
    answer="$file has $((count)) lines."
else
    say '{"ostler":"tool_end","id":"1","ok":false,"exit_code":1}'
    answer="$file cannot be read."
fi
say '{"ostler":"usage","input_tokens":120,"output_tokens":40,"cost_usd":0.0}'
if [ -s "$work/messages" ]; then
    answer="$answer I was told on the way: $(head -n 1 "$work/messages")"
fi
say "{\"ostler\":\"result\",\"text\":\"$answer\"}"
kill "$reader" 2>/dev/null

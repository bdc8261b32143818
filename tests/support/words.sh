# What every test script may say. The protocol is that of script providers with input = "lines".

# Waits until the file $1 is there.
wait_for() { until [ -e "$1" ]; do sleep 0.02; done; }

turn() { echo '{"ostler":"turn"}'; }
text() { printf '{"ostler":"text","text":"%s"}\n' "$1"; }
result() { printf '{"ostler":"result","text":"%s"}\n' "$1"; }
delivered() { printf '{"ostler":"delivered","id":"%s"}\n' "$id"; }
interrupted() { echo '{"ostler":"interrupted"}'; }
usage() { printf '{"ostler":"usage","output_tokens":%s,"cost_usd":%s}\n' "$1" "$2"; }

# A whole tool call: its id and the tool's name.
tool() {
  printf '{"ostler":"tool_start","id":"%s","name":"%s"}\n' "$1" "$2"
  printf '{"ostler":"tool_end","id":"%s"}\n' "$1"
}

# Asks for permission $1 to run the command $2, and for an answer to the question $2.
ask() { printf '{"ostler":"ask","request":"%s","tool":"Bash","input":{"command":"%s"}}\n' "$1" "$2"; }
question() { printf '{"ostler":"question","request":"%s","text":"%s"}\n' "$1" "$2"; }

# The next line from ostler: its $kind, its $id and what was $said, still escaped as in JSON.
hear() {
  IFS= read -r line || exit 0
  kind=${line#*'"ostler":"'}; kind=${kind%%'"'*}
  id=${line#*'"id":"'}; id=${id%%'"'*}
  said=${line#*'"text":"'}; said=${said%'","when":'*}; said=${said%'"}'}
}

# Acknowledges messages, and writes each into the file `heard`, until one says $1.
listen_for() {
  while hear; do
    case $kind in
      steer) delivered; printf '%s\n' "$said" >> heard ;;
      interrupt) interrupted; exit 0 ;;
    esac
    if [ "$said" = "$1" ]; then return; fi
  done
}

#!/bin/sh
# Calls the gateway with team B's key until it says that the quota is exhausted (at most 50 times).
set -eu
gateway=${GATEWAY:-http://127.0.0.1:8080}
for _ in $(seq 50); do
  status=$(curl -s -o answer.json -w '%{http_code}' "$gateway/v1/chat/completions" \
    -H "Authorization: Bearer $TEAM_B_KEY" -H 'Content-Type: application/json' \
    -d '{"model": "sim-echo", "messages": [{"role": "user", "content": "How much may we use today?"}], "max_tokens": 50}')
  echo "$status"
  if [ "$status" != 200 ]; then
    cat answer.json && echo
    break
  fi
done
rm -f answer.json

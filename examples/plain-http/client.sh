#!/bin/sh
# Calls the gateway the way a partner would; prints the status of each call.
set -eu
url=${TOLLGATE_URL:-http://127.0.0.1:8080}

call() {
    what=$1
    shift
    printf '%-28s %s\n' "$what" "$(curl -s -o /dev/null -w '%{http_code}' "$@")"
}

call "no key" "$url/orders/1"
call "with key" -H "Ocp-Apim-Subscription-Key: $ACME_KEY" "$url/orders/1"
call "with key, POST" -H "Authorization: Bearer $ACME_KEY" -d '{"item": "tea"}' "$url/orders/"
call "not an operation" -H "api-key: $ACME_KEY" -X DELETE "$url/orders/1"
call "public" "$url/status"

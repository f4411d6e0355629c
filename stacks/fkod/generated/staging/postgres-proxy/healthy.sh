#!/bin/bash
# Healthy: the pointer names a node, and that node answers.
exec 3<>/dev/tcp/127.0.0.1/8405
printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
read -r -t 3 _ status _ <&3
[[ $status == 200 ]]

#!/bin/sh
# The sample application, in a container: hears of each change of the thermostat's twin over MQTT, and wants the room warm by day and cool by night.
# A day has some seconds here: it ends when the room is warm, the night when it is cool.
topic="\$hw/events/device/${DEVICE:-default/thermostat}/twin/update"
broker="-h ${MQTT_HOST:-127.0.0.1} -p ${MQTT_PORT:-1884} -q 1"

mosquitto_sub $broker -t "$topic/document" | awk -v day="${DAY:-20}" -v night="${NIGHT:-17}" -v publish="mosquitto_pub $broker -s -t '$topic'" '
  function after(text, mark) { return index(text, mark) ? substr(text, index(text, mark) + length(mark)) : "" }
  function want(degrees, name) {
    target = degrees
    print name ": wants " degrees " degrees"
    print "{\"event_id\":\"app\",\"timestamp\":0,\"twin\":{\"target\":{\"expected\":{\"value\":\"" degrees "\"}}}}" | publish
    close(publish)
  }
  {
    now = after(after(after($0, "\"temperature\":"), "\"current\":"), "\"actual\":{\"value\":\"")
    if (now == "") next
    now += 0
    print "the room has " now " degrees"
    if (target == "") want(day, "day")
    else if (target == day && now >= day - 0.2) want(night, "night")
    else if (target == night && now <= night + 0.2) want(day, "day")
    fflush()
  }'

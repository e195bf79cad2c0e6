/** Help of the edge's parts, made from the tables that parse. */
import { flagHelp } from "../flag-help.ts";
import { confirmFlags, diagnoseFlags, edgeFlags, joinFlags, mqttUserFlags, resetFlags } from "./flags.ts";

export function edgeHelp(): string {
  return `Usage:  sampan edge [OPTIONS]
        sampan edge diagnose [OPTIONS]
        sampan edge confirm-upgrade [OPTIONS] [JOB]
        sampan edge mqtt-user [OPTIONS] NAME

The edge half: this machine as a node of a cloud, with its engine, local store, devices and MQTT in one process. Join first.
Signals: SIGTERM and SIGINT end it; containers run on.

Commands:
  diagnose          Look at what an edge needs, and say what to do
  confirm-upgrade   Let an upgrade begin that waits for it
  mqtt-user         Add a user of the MQTT broker, or change one

Options:
${flagHelp(edgeFlags)}

Examples:
  sampan join cloud.example.com:10000 --token TOKEN
  sampan edge
  sampan edge --config /etc/sampan/edge.toml
`;
}

export function joinHelp(): string {
  return `Usage:  sampan join [OPTIONS] CLOUD[:PORT] [CLOUD[:PORT]...]

Make this machine a node of a cloud: its key is made here, its certificate signed there. Done again it changes nothing.

Options:
${flagHelp(joinFlags)}

Examples:
  sampan join cloud.example.com:10000 --token TOKEN
  sampan cloud token | sampan join 192.0.2.10 --token-file - --node-name greenhouse-3
`;
}

export function resetHelp(): string {
  return `Usage:  sampan reset [OPTIONS]

Leave the cloud: remove this node's keys, what the cloud sent, and twins. Nothing that runs is ended: stop sampan edge first. Containers, images and the settings file stay.

Options:
${flagHelp(resetFlags)}
`;
}

export function confirmHelp(): string {
  return `Usage:  sampan edge confirm-upgrade [OPTIONS] [JOB]

Let an upgrade begin that a NodeUpgradeJob with requireConfirmation asks for. JOB is its name, needed when several wait.

Options:
${flagHelp(confirmFlags)}
`;
}

export function mqttUserHelp(): string {
  return `Usage:  sampan edge mqtt-user [OPTIONS] NAME

Add a user of the broker inside, or change one: the password is the first line of standard input, and is kept as a hash. An edge that runs reads the file again.

Options:
${flagHelp(mqttUserFlags)}

Examples:
  printf '%s\\n' "$PASSWORD" | sampan edge mqtt-user lamp --publish '$hw/events/device/default/%u/#' --subscribe '$hw/events/device/default/%u/#'
`;
}

export function diagnoseHelp(): string {
  return `Usage:  sampan edge diagnose [OPTIONS]

Look at the connection, names, certificates, clock, disk, cgroups, kernel and engine of this node. The status is 0 when nothing is wrong.

Options:
${flagHelp(diagnoseFlags)}
`;
}

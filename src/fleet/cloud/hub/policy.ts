/** How a token treats the name of a node that is there already. `offline`: only while no edge of that name is connected. */
export const joinPolicies = ["always", "offline", "never"] as const;
export type JoinPolicy = (typeof joinPolicies)[number];

export const discovery = `
EndpointSlice -- A part of the addresses behind a service.
  addressType* IPv4|IPv6|FQDN -- What the addresses are.
  apiVersion   string
  endpoints    [Endpoint]     atomic -- The addresses, at most 1000.
  kind         string
  metadata     ObjectMeta
  ports        [EndpointPort] atomic -- The ports of all of them.

Endpoint
  addresses*         [string]             set -- Addresses of one pod.
  conditions         EndpointConditions   -- Whether it is ready.
  deprecatedTopology {string}             -- Not used any more.
  hints              EndpointHints
  hostname           string               -- The pod's host name.
  nodeName           string               -- Where it runs.
  targetRef          core.ObjectReference -- The pod.
  zone               string               -- The zone of its node.

EndpointConditions
  ready       bool -- It takes traffic.
  serving     bool -- It could, even when it ends.
  terminating bool -- It ends.

EndpointHints
  forNodes [ForNode] atomic
  forZones [ForZone] atomic

ForNode
  name* string

ForZone
  name* string

EndpointPort atomic
  appProtocol string
  name        string       =""
  port        int
  protocol    TCP|UDP|SCTP =TCP
`;

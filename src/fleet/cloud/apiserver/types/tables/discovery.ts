export const discovery = `
EndpointSlice -- A part of the addresses behind a service.
  addressType* IPv4|IPv6|FQDN
  apiVersion   string
  endpoints    [Endpoint]     atomic
  kind         string
  metadata     ObjectMeta
  ports        [EndpointPort] atomic

Endpoint
  addresses*         [string] set
  conditions         EndpointConditions
  deprecatedTopology {string}
  hints              EndpointHints
  hostname           string
  nodeName           string
  targetRef          core.ObjectReference
  zone               string

EndpointConditions
  ready       bool
  serving     bool
  terminating bool

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

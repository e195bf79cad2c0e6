export const apiextensions = `
CustomResourceDefinition -- A kind of objects that is added to the API.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      CustomResourceDefinitionSpec -- What is added.
  status     CustomResourceDefinitionStatus -- Whether it is served.

CustomResourceDefinitionSpec
  conversion            CustomResourceConversion     -- How versions become others.
  group*                string                       -- The API group.
  names*                CustomResourceDefinitionNames -- What it is called.
  preserveUnknownFields bool
  scope*                Cluster|Namespaced           -- With or without namespaces.
  versions*             [CustomResourceDefinitionVersion] atomic -- Its versions; one is stored.

CustomResourceConversion
  strategy* None|Webhook
  webhook   WebhookConversion

WebhookConversion
  clientConfig              WebhookClientConfig
  conversionReviewVersions* [string] atomic

WebhookClientConfig
  caBundle bytes
  service  ServiceReference
  url      string

ServiceReference
  name*      string
  namespace* string
  path       string
  port       int

CustomResourceDefinitionNames
  categories [string] atomic -- Groups such as all.
  kind*      string   -- The kind, as Widget.
  listKind   string   -- The kind of lists.
  plural*    string   -- As widgets.
  shortNames [string] atomic -- Shorter names for kubectl.
  singular   string   -- As widget.

CustomResourceDefinitionVersion
  additionalPrinterColumns [CustomResourceColumnDefinition] atomic -- Columns of kubectl get.
  deprecated               bool                         -- Its users are warned.
  deprecationWarning       string                       -- The warning.
  name*                    string                       -- As v1.
  schema                   CustomResourceValidation     -- What objects must look like.
  selectableFields         [SelectableField]            atomic -- Fields for field selectors.
  served*                  bool                         -- It is served.
  storage*                 bool                         -- Objects are stored in it.
  subresources             CustomResourceSubresources   -- status and scale.

CustomResourceColumnDefinition
  description string -- What it shows.
  format      string -- How it is shown.
  jsonPath*   string -- Where the value is.
  name*       string -- The heading.
  priority    int    -- Above 0: only with -o wide.
  type*       string -- As string, integer, date.

CustomResourceValidation
  openAPIV3Schema JSONSchemaProps

JSONSchemaProps
  $ref                                 string
  $schema                              string
  additionalItems                      any
  additionalProperties                 any
  allOf                                [JSONSchemaProps] atomic
  anyOf                                [JSONSchemaProps] atomic
  default                              any
  definitions                          {JSONSchemaProps}
  dependencies                         {any}
  description                          string
  enum                                 [any]             atomic
  example                              any
  exclusiveMaximum                     bool
  exclusiveMinimum                     bool
  externalDocs                         ExternalDocumentation
  format                               string
  id                                   string
  items                                any
  maxItems                             long
  maxLength                            long
  maxProperties                        long
  maximum                              number
  minItems                             long
  minLength                            long
  minProperties                        long
  minimum                              number
  multipleOf                           number
  not                                  JSONSchemaProps
  nullable                             bool
  oneOf                                [JSONSchemaProps] atomic
  pattern                              string
  patternProperties                    {JSONSchemaProps}
  properties                           {JSONSchemaProps}
  required                             [string]          atomic
  title                                string
  type                                 string
  uniqueItems                          bool
  x-kubernetes-embedded-resource       bool
  x-kubernetes-int-or-string           bool
  x-kubernetes-list-map-keys           [string]          atomic
  x-kubernetes-list-type               string
  x-kubernetes-map-type                string
  x-kubernetes-preserve-unknown-fields bool
  x-kubernetes-validations             [ValidationRule]  merge(rule) map(rule)

ExternalDocumentation
  description string
  url         string

ValidationRule
  fieldPath         string
  message           string
  messageExpression string
  optionalOldSelf   bool
  reason            string
  rule*             string

SelectableField
  jsonPath* string

CustomResourceSubresources
  scale  CustomResourceSubresourceScale
  status any

CustomResourceSubresourceScale
  labelSelectorPath   string -- Where the selector is.
  specReplicasPath*   string -- Where the wanted number is.
  statusReplicasPath* string -- Where the number is.

CustomResourceDefinitionStatus
  acceptedNames  CustomResourceDefinitionNames -- The names that it is served by.
  conditions     [CustomResourceDefinitionCondition] map(type) -- NamesAccepted, Established.
  storedVersions [string]                     atomic -- Versions that objects may be stored in.

CustomResourceDefinitionCondition
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string
`;

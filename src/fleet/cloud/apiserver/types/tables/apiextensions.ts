export const apiextensions = `
CustomResourceDefinition -- A kind of objects that is added to the API.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec*      CustomResourceDefinitionSpec
  status     CustomResourceDefinitionStatus

CustomResourceDefinitionSpec
  conversion            CustomResourceConversion
  group*                string                       -- The API group.
  names*                CustomResourceDefinitionNames -- What it is called.
  preserveUnknownFields bool
  scope*                Cluster|Namespaced
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
  categories [string] atomic
  kind*      string
  listKind   string
  plural*    string
  shortNames [string] atomic
  singular   string

CustomResourceDefinitionVersion
  additionalPrinterColumns [CustomResourceColumnDefinition] atomic
  deprecated               bool
  deprecationWarning       string
  name*                    string
  schema                   CustomResourceValidation
  selectableFields         [SelectableField]            atomic
  served*                  bool
  storage*                 bool
  subresources             CustomResourceSubresources

CustomResourceColumnDefinition
  description string
  format      string
  jsonPath*   string
  name*       string
  priority    int
  type*       string

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
  labelSelectorPath   string
  specReplicasPath*   string
  statusReplicasPath* string

CustomResourceDefinitionStatus
  acceptedNames  CustomResourceDefinitionNames
  conditions     [CustomResourceDefinitionCondition] map(type)
  storedVersions [string]                     atomic

CustomResourceDefinitionCondition
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string
`;

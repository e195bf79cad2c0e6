export const events = `
Event -- Something that happened to an object.
  action                   string               -- What was done.
  apiVersion               string
  deprecatedCount          int
  deprecatedFirstTimestamp time
  deprecatedLastTimestamp  time
  deprecatedSource         core.EventSource
  eventTime*               microtime            -- When it happened first.
  kind                     string
  metadata                 ObjectMeta
  note                     string               -- What happened, for people.
  reason                   string               -- What happened, in a word.
  regarding                core.ObjectReference -- What it happened to.
  related                  core.ObjectReference
  reportingController      string
  reportingInstance        string
  series                   EventSeries
  type                     string               -- Normal or Warning.

EventSeries
  count*            int
  lastObservedTime* microtime
`;

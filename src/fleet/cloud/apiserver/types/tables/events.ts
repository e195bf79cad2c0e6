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
  related                  core.ObjectReference -- A second object.
  reportingController      string               -- Who says so.
  reportingInstance        string               -- Which one of them.
  series                   EventSeries          -- How often it happened again.
  type                     string               -- Normal or Warning.

EventSeries
  count*            int
  lastObservedTime* microtime
`;

export const occurrences = `
Event -- Something that happened to an object.
  action             string          -- What was done.
  apiVersion         string
  count              int             -- How often.
  eventTime          microtime       -- When it happened first.
  firstTimestamp     time            -- The first time.
  involvedObject*    ObjectReference granular -- What it happened to.
  kind               string
  lastTimestamp      time            -- The last time.
  message            string          -- What happened, for people.
  metadata           ObjectMeta
  reason             string          -- What happened, in a word.
  related            ObjectReference -- A second object.
  reportingComponent string          =""
  reportingInstance  string          =""
  series             EventSeries     -- How often it happened again.
  source             EventSource     ={} -- Who says so.
  type               string          -- Normal or Warning.

EventSeries
  count            int
  lastObservedTime microtime

EventSource
  component string
  host      string
`;

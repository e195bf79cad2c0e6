export const priority = `
PriorityClass -- How important pods are.
  apiVersion       string
  description      string                     -- When to use it.
  globalDefault    bool                       -- For pods that name none.
  kind             string
  metadata         ObjectMeta
  preemptionPolicy PreemptLowerPriority|Never =PreemptLowerPriority
  value*           int                        -- Higher is more important.
`;

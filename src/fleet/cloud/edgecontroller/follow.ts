import type { ChangeHandler, Informer } from "../informer/informer.ts";

/** Tells of every object that the informer knows already, as if it had just come, and of every change from then on. */
export function follow(informer: Informer, handler: ChangeHandler): void {
  for (const object of informer.store.all()) handler(object, undefined);
  informer.onChange(handler);
}

// Where a file waits that was not sent yet, so that a reload loses nothing. The browser's own store, one place.

const PLACE = ["atelier", "attic", "video"];

function open(mode, act) {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(PLACE[0], 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(PLACE[1]);
    asked.onerror = () => reject(asked.error);
    asked.onsuccess = () => {
      const deal = asked.result.transaction(PLACE[1], mode);
      const answer = act(deal.objectStore(PLACE[1]));
      deal.oncomplete = () => (asked.result.close(), resolve(answer.result));
      deal.onabort = deal.onerror = () => (asked.result.close(), reject(deal.error));
    };
  });
}

// A browser that keeps nothing, or has no room, has one comfort less.
const calmly = (promise) => promise.catch(() => null);

/** Keeps a file in place of the last one. */
export const put = (file) => calmly(open("readwrite", (store) => store.put(file, PLACE[2])));

/** The file that waits, or null. */
export const take = () => calmly(open("readonly", (store) => store.get(PLACE[2]))).then((file) => file ?? null);

/** It has been sent, and the service has it. */
export const clear = () => calmly(open("readwrite", (store) => store.delete(PLACE[2])));

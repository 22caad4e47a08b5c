// Draft store: keeps a file that was not sent yet in IndexedDB, so that a reload loses nothing.

const DATABASE = "atelier-drafts";
const STORE = "files";
const KEY = "video";

function transact(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const answer = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(answer.result);
      };
      transaction.onabort = transaction.onerror = () => {
        database.close();
        reject(transaction.error);
      };
    };
  });
}

// Storage that is full or off is no error: a reload then loses the file.
const orNull = (promise) => promise.catch(() => null);

/** Stores a file in place of the last one. */
export const saveDraft = (file) => orNull(transact("readwrite", (store) => store.put(file, KEY)));

/** The stored file, or null. */
export const loadDraft = () => orNull(transact("readonly", (store) => store.get(KEY))).then((file) => file ?? null);

/** Deletes the stored file, once the service has it. */
export const clearDraft = () => orNull(transact("readwrite", (store) => store.delete(KEY)));

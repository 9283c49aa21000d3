/** The events heard so far, and who waits for one. */
export class Events {
  #heard = [];
  #waiting = [];

  heard = (event) => {
    this.#heard.push(event);
    this.#waiting = this.#waiting.filter(({ matches, resolve }) => {
      if (!matches(event)) return true;
      resolve(event);
      return false;
    });
  };

  /** The first event of that name which fits, whether it has come or is to come. */
  first(name, fits = () => true) {
    const matches = (event) => event.name === name && fits(event);
    const event = this.#heard.find(matches);
    if (event) return Promise.resolve(event);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${name} in time; heard ${this.#heard.map((e) => e.name).join(" ")}`)), 10_000);
      this.#waiting.push({
        matches,
        resolve: (event) => {
          clearTimeout(timer);
          resolve(event);
        },
      });
    });
  }
}

// Durations in words, for people.

const count = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;

/** Seconds as one or two units: "a second", "40 seconds", "12 minutes", "2 hours 5 minutes", "3 days 4 hours". */
export function duration(seconds) {
  if (seconds < 1.5) return "a second";
  if (seconds < 90) return count(Math.round(seconds), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return count(minutes, "minute");
  const [large, small, units] =
    minutes < 36 * 60
      ? [Math.floor(minutes / 60), minutes % 60, ["hour", "minute"]]
      : [Math.floor(minutes / 1440), Math.round((minutes % 1440) / 60), ["day", "hour"]];
  return count(large, units[0]) + (small ? ` ${count(small, units[1])}` : "");
}

/** The same in little room: "40 s", "12 min", "3 h", "2 d". */
export function shortDuration(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

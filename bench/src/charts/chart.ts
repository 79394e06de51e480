/** A picture of figures: panels beside one another that share their x axis. */
export interface Chart {
  readonly title: string;
  /** How the figures were measured, a line for each series. */
  readonly captions: readonly string[];
  readonly x: {
    readonly label: string;
    /** Its ticks make the axis logarithmic, with room for a zero; it is linear without them. */
    readonly logTicks?: readonly number[];
  };
  readonly panels: readonly Panel[];
}

/** One y axis and the lines on it. */
export interface Panel {
  readonly title: string;
  /** Linear unless set. */
  readonly scale?: 'linear' | 'log';
  /** A value that is to be reached, drawn across the panel. */
  readonly bar?: number;
  readonly lines: readonly Line[];
}

/** A line has the colour of its series, and the dash of its variant. */
export interface Line {
  readonly series: string;
  readonly variant?: string;
  readonly points: readonly Point[];
}

/** A median, and the spread around it where there is one. */
export interface Point {
  readonly x: number;
  readonly median: number;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

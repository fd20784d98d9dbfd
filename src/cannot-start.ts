/** The process cannot begin its work; the message is for the operator, on stderr. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

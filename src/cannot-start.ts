/** The process cannot begin its work; the message is for the operator, on stderr. */
export class CannotStart extends Error {
  override readonly name: string = 'CannotStart';
}

/** It is whoever starts it that does not serve: the authority is well. */
export class NobodyHere extends CannotStart {
  override readonly name = 'NobodyHere';
}

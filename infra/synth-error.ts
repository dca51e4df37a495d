/** Something that whoever runs the CDK can mend. The message, of one line or more, says where and how. */
export class SynthError extends Error {}

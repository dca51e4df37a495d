import { openStage } from './stage.ts';
import { formatColdStart, measureColdStart } from './cold-start.ts';
const stage = await openStage(); console.log(formatColdStart((await measureColdStart(stage, 9)).coldStart)); await stage.close();

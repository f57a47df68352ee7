/** The door of the built page. */
export { addSite, type SiteOptions } from './add-site.ts'

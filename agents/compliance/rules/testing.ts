/** A rule that every built-in set lacks, for tests that bring one to life. */
export const NIGHT_OWL = {
  id: 'night_owl',
  typology: 'velocity',
  title: 'Three in an hour',
  effect: 'flag',
  priority: 30,
  when: { field: 'sender.count1h', is: '>=', value: 3 },
  text: '{sender.count1h} payments in an hour.',
};
